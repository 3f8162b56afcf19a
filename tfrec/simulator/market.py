"""What there is to be had in a period: items, their texts and prices; and how all of that is told to a model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec.simulator.catalogue import Items
from tfrec.simulator.prices import Prices
from tfrec.simulator.queries import ATTRIBUTES
from tfrec.simulator.wording import WORDINGS, Rewriting, text

CATEGORIES = ("department", "category", "type", "brand", "size")


@dataclass(frozen=True)
class Market:
    """One period's items.

    Args:
        born: `[items]`, whether there is such an item yet. available: rows of those that are, sorted.
        size, wording: `[items]`, position of the package size in its values, and number of the text's wording.
        price: `[items]`, money. promotion: `[items]`, bool.
        codes: `[4, items]`, the attributes that queries name, in the order of `ATTRIBUTES`.
    """

    born: np.ndarray
    available: np.ndarray
    size: np.ndarray
    wording: np.ndarray
    price: np.ndarray
    promotion: np.ndarray
    codes: np.ndarray


class Markets:
    """The periods' markets of one world; what they are in period t does not depend on which were asked before."""

    def __init__(self, items: Items, rewriting: Rewriting, prices: Prices, seed: int) -> None:
        self.items, self.rewriting, self.prices, self.seed = items, rewriting, prices, seed
        self.level, self.base_price = prices.levels(items, seed)
        self._rewritten: list[tuple] = []  # of each period but the first: rows, and their new sizes and wordings
        self._newest: tuple[int, Market] | None = None

    def __getitem__(self, t: int) -> Market:
        if self._newest is None or self._newest[0] != t:
            self._newest = t, self._at(t)
        return self._newest[1]

    def _at(self, t: int) -> Market:
        size, wording = self._texts(t)
        price, promotion = self.prices.at(t, self.base_price, self.items, self.seed)
        codes = np.stack([size if name == "size" else self.items.codes[name] for name in ATTRIBUTES])
        born = self.items.born <= t
        return Market(born, np.flatnonzero(born), size, wording, price, promotion, codes)

    def _texts(self, t: int) -> tuple[np.ndarray, np.ndarray]:
        """Sizes and wordings of period t, `[items]` each; in memory are the changes, a small part of the items."""
        size, wording = self.items.codes["size"].copy(), np.zeros(len(self.items), int)
        for rows, sizes, wordings in self._rewritten[:t]:
            size[rows], wording[rows] = sizes, wordings
        for period in range(len(self._rewritten) + 1, t + 1):
            sizes, wordings = self.rewriting(size, wording, self.items, self.seed, period)
            rows = np.flatnonzero((sizes != size) | (wordings != wording))
            self._rewritten.append((rows, sizes[rows], wordings[rows]))
            size, wording = sizes, wordings
        return size, wording

    def table(self) -> pd.DataFrame:
        """What is known before the first event: of items that are not born yet, only that there will be such a row.

        Their texts and categories are "", their numbers NaN.
        """
        market = self[0]
        table = self._rows(market, np.arange(len(self.items)))
        table.loc[~market.born, ["text", *CATEGORIES]] = ""
        table.loc[~market.born, ["price", "promotion"]] = np.nan
        return table

    def changes(self, t: int) -> pd.DataFrame:
        """What becomes known at the start of period t >= 1: whole rows of the newly born, changed cells of others.

        Returns:
            columns `item` and those of the item table; a missing cell is unchanged.
        """
        before, now = self._at(t - 1), self[t]
        rows = np.flatnonzero(
            now.born
            & (
                ~before.born
                | (now.size != before.size)
                | (now.wording != before.wording)
                | (now.price != before.price)
                | (now.promotion != before.promotion)
            )
        )
        new = self._rows(now, rows).astype({name: object for name in ("text", *CATEGORIES)})
        old = self._rows(before, rows)
        same = (new.to_numpy(dtype=object) == old.to_numpy(dtype=object)) & before.born[rows, None]
        new = new.mask(same, np.nan)
        return new[new.notna().any(axis=1)].reset_index(names="item")

    def _rows(self, market: Market, rows: np.ndarray) -> pd.DataFrame:
        codes = self.items.codes | {"size": market.size}
        codes = {name: codes[name][rows] for name in CATEGORIES}
        columns = {name: self.items.values[name][codes[name]] for name in CATEGORIES}
        prices = {"price": market.price[rows], "promotion": market.promotion[rows].astype(float)}
        columns = {"text": self._written(codes, market.wording[rows])} | columns | prices
        return pd.DataFrame(columns, index=self.items.ids[rows])

    def _written(self, codes: dict[str, np.ndarray], wording: np.ndarray) -> np.ndarray:
        """Texts `[n]`; what several items share is written once."""
        if not len(wording):
            return np.zeros(0, object)
        values = [self.items.values[name] for name in CATEGORIES]
        kinds = [*map(len, values), len(WORDINGS)]
        number = np.ravel_multi_index([*codes.values(), wording], kinds)
        different, place = np.unique(number, return_inverse=True)
        texts = [
            text(dict(zip(CATEGORIES, (known[k] for known, k in zip(values, row, strict=True)), strict=True)), word)
            for *row, word in zip(*np.unravel_index(different, kinds), strict=True)
        ]
        return np.array(texts, dtype=object)[place]
