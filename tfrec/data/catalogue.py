"""The item table as it is known at a moment of the stream."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from tfrec.data.steps.apply import fit, transform_items
from tfrec.data.steps.step import Step


class Catalogue:
    """Item rows as of now: what was known before the first event, and every change revealed since.

    Attributes: `items`, the table; `changed`, ids whose row the last period changed; `touched`, ids whose features
    must be looked up again, which are all where a step has learned from the period.

    Args:
        stream: has the first item table and the changes of each period.
        steps: clean the table and make features of it, in this order.
    """

    def __init__(self, stream, steps: Sequence[Step] = ()) -> None:
        self._stream, self._steps = stream, list(steps)
        # Steps that learn nothing are applied once to each row, up to the first one that does.
        learns = [type(step).fit is not Step.fit for step in steps]
        fixed = learns.index(True) if any(learns) else len(learns)
        self._fixed, self._learning = self._steps[:fixed], self._steps[fixed:]
        self._raw = stream.items
        self._fixed_rows = transform_items(self._fixed, self._raw)
        self.items = transform_items(self._learning, self._fixed_rows)
        self.changed = self.touched = self.items.index[:0]

    def observe(self, t: int, events: pd.DataFrame, new: pd.Index) -> None:
        """Takes in what period t revealed: the changes of items, and what the steps learn from it.

        Args:
            events: of the period, as they came. new: ids of the items first seen in it.
        """
        self.changed = self._apply(self._stream.changes(t))
        fit(self._steps, events, self._raw.loc[new])
        self.touched = self.items.index if self._learning else self.changed
        if len(self.touched):
            self.items = transform_items(self._learning, self._fixed_rows)

    def _apply(self, changes: pd.DataFrame | None) -> pd.Index:
        """The last known value of each column of each item; a missing value changes nothing."""
        if changes is None or changes.empty:
            return self.items.index[:0]
        newest = changes.drop(columns="timestamp").groupby("item", sort=False).last()
        newest = newest[newest.index.isin(self._raw.index)]
        self._raw = _with(self._raw, {name: newest[name].dropna() for name in newest.columns})
        rows = transform_items(self._fixed, self._raw.loc[newest.index])
        self._fixed_rows = _with(self._fixed_rows, {name: rows[name] for name in rows.columns})
        return newest.index


def _with(table: pd.DataFrame, columns: dict[str, pd.Series]) -> pd.DataFrame:
    """A copy of the table with other values at the series' ids."""
    table = table.copy()
    for name, values in columns.items():
        if table[name].dtype != values.dtype:  # pandas does not widen a column: whole prices, a list of categories
            numbers = is_numeric_dtype(table[name]) and is_numeric_dtype(values)
            table[name] = table[name].astype(np.result_type(table[name], values) if numbers else object)
        table.loc[values.index, name] = values
    return table


def categories(items: pd.DataFrame) -> list[str]:
    """The category columns of an item table: its columns that are neither numbers nor the text."""
    return [name for name in items.columns if name != "text" and not is_numeric_dtype(items[name])]
