"""Cheap or dear among its kind."""

import numpy as np
import pandas as pd

from tfrec.data.interactions import require_columns
from tfrec.data.steps.columns import number, require_count, source, with_new
from tfrec.data.steps.reservoir import Reservoir
from tfrec.data.steps.step import Step
from tfrec.data.vocabulary import Vocabulary
from tfrec.errors import require


class Price(Step):
    """Adds `<column>_relative`, float32: `log(price / median price of the category)`, medians of the past.

    A category not seen yet is compared with the median of all prices. A price that is missing, infinite or not
    above 0 becomes 0, and so does all of the first period, when there is no median. Medians are of uniform samples:
    of each item once, when it is first seen, and of each event. Memory: at most `8 * size * 2` bytes a category.

    Args:
        column: the price.
        items: column of the item table that holds the category; None leaves items as they are.
        events: the same for events; `item` compares what was paid with what the item mostly costs, which is its
            discount. None leaves events as they are.
        size: prices kept of a category.
        categories: categories kept, the first to appear; later ones are compared with the median of all.

    Raises:
        InputError: an argument of the wrong type, a column that is missing or holds no numbers.
    """

    def __init__(
        self,
        column: str = "price",
        items: str | None = "category",
        events: str | None = None,
        size: int = 100,
        categories: int = 100_000,
        seed: int = 0,
    ) -> None:
        for key, value, optional in (("column", column, False), ("items", items, True), ("events", events, True)):
            named = isinstance(value, str) and value or optional and value is None
            require(named, f"step.price.{key} is {value!r}: write the name of a column.")
        require(
            items is not None or events is not None,
            "step.price names no category: set step.price.items or step.price.events.",
        )
        require_count("price", "size", size)
        require_count("price", "categories", categories)
        require_count("price", "seed", seed, least=0)
        self.column = column
        self._medians = {
            table: _Medians(category, size, categories, seed)
            for table, category in (("items", items), ("events", events))
            if category is not None
        }

    def items(self, items: pd.DataFrame) -> pd.DataFrame:
        """The items with their relative price."""
        return self._relative(items, "items")

    def events(self, events: pd.DataFrame) -> pd.DataFrame:
        """The events with their relative price."""
        return self._relative(events, "events")

    def fit(self, events: pd.DataFrame, items: pd.DataFrame) -> None:
        """Adds the period's prices to the samples."""
        for table, rows in (("events", events), ("items", items)):
            if table in self._medians:
                medians = self._medians[table]
                medians.add(*self._read(rows, table, medians.category))

    def _relative(self, table: pd.DataFrame, name: str) -> pd.DataFrame:
        if name not in self._medians:
            return table
        medians = self._medians[name]
        prices, categories = self._read(table, name, medians.category)
        relative = np.nan_to_num(np.log(prices) - np.log(medians.of(categories)), nan=0.0)
        return with_new(table, {f"{self.column}_relative": relative.astype(np.float32)}, source("price", name))

    def _read(self, table: pd.DataFrame, name: str, category: str) -> tuple[np.ndarray, pd.Series]:
        """Prices `[n]`, NaN where there is none, and categories `[n]`."""
        where = source("price", name)
        prices = number(table, self.column, where)
        require_columns(table, (category,), where)
        return np.where(prices > 0, prices, np.nan), table[category]


class _Medians:
    """The medians of one table's prices, of each category and of all."""

    def __init__(self, category: str, size: int, limit: int, seed: int) -> None:
        self.category, self.limit = category, limit
        self._categories = Vocabulary()
        self._of_each, self._of_all = Reservoir(size, seed), Reservoir(max(size, 10_000), seed)
        self._median = np.array([np.nan])  # of each category, and of all at the end

    def add(self, prices: np.ndarray, categories: pd.Series) -> None:
        categories, prices = categories[~np.isnan(prices)], prices[~np.isnan(prices)]
        if not len(prices):
            return
        codes, different = pd.factorize(categories, use_na_sentinel=False)
        unknown = different[self._categories.rows(different) < 0]
        self._categories.add(unknown[: self.limit - len(self._categories)])
        rows = self._categories.rows(different)
        kept = rows[codes] >= 0
        self._of_each.add(prices[kept], rows[codes[kept]])
        self._of_all.add(prices)
        median = np.full(len(self._categories) + 1, np.median(self._of_all.sample()))
        median[: len(self._median) - 1] = self._median[:-1]
        median[rows[rows >= 0]] = self._of_each.medians(rows[rows >= 0])
        self._median = median

    def of(self, categories: pd.Series) -> np.ndarray:
        """The median that each of `categories` is compared with, `[n]`; NaN before there is any."""
        codes, different = pd.factorize(categories, use_na_sentinel=False)
        return self._median[self._categories.rows(different)][codes]  # row -1, not seen: the median of all
