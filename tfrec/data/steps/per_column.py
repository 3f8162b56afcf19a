"""Steps that treat each listed number column for itself."""

import numpy as np
import pandas as pd

from tfrec.data.steps.columns import number, require_names, source
from tfrec.data.steps.step import Step
from tfrec.errors import require


class PerColumn(Step):
    """Number columns of items and of events, each transformed by what was fitted on it.

    A subclass has `_transformed(table, where)` and `_fit_column(key, values)`; `where` is `items` or `events`, and
    `key` is (where, column).

    Args:
        name: of the step, for errors. items, events: the columns of each table.

    Raises:
        InputError: no column is named.
    """

    def __init__(self, name: str, items: list[str], events: list[str]) -> None:
        self.name = name
        self._columns = {"items": require_names(name, "items", items), "events": require_names(name, "events", events)}
        require(
            any(self._columns.values()), f"step.{name} names no column: set step.{name}.items or step.{name}.events."
        )

    def items(self, items: pd.DataFrame) -> pd.DataFrame:
        """The items with what the step makes of each listed column."""
        return self._transformed(items, "items")

    def events(self, events: pd.DataFrame) -> pd.DataFrame:
        """The events with what the step makes of each listed column."""
        return self._transformed(events, "events")

    def fit(self, events: pd.DataFrame, items: pd.DataFrame) -> None:
        """Fits each column on the period's values."""
        for where, table in (("events", events), ("items", items)):
            for column in self._columns[where]:
                self._fit_column((where, column), self._numbers(table, where, column))

    def _numbers(self, table: pd.DataFrame, where: str, column: str) -> np.ndarray:
        return number(table, column, source(self.name, where))
