"""What there is to be had in a period: items, their texts and prices; and how all of that is told to a model."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec.simulator.catalogue import Items
from tfrec.simulator.prices import Prices
from tfrec.simulator.queries import ATTRIBUTES
from tfrec.simulator.wording import Rewriting, text

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
        self._texts = [(items.codes["size"], np.zeros(len(items), int))]  # size and wording of each period
        self._newest: tuple[int, Market] | None = None

    def __getitem__(self, t: int) -> Market:
        if self._newest is None or self._newest[0] != t:
            self._newest = t, self._at(t)
        return self._newest[1]

    def _at(self, t: int) -> Market:
        while len(self._texts) <= t:
            self._texts.append(self.rewriting(*self._texts[-1], self.items, self.seed, len(self._texts)))
        size, wording = self._texts[t]
        price, promotion = self.prices.at(t, self.base_price, self.items, self.seed)
        codes = np.stack([size if name == "size" else self.items.codes[name] for name in ATTRIBUTES])
        born = self.items.born <= t
        return Market(born, np.flatnonzero(born), size, wording, price, promotion, codes)

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
        items = self.items
        codes = items.codes | {"size": market.size}
        columns = {name: items.values[name][codes[name][rows]] for name in CATEGORIES}
        numbers = market.wording[rows]
        texts = [
            text(dict(zip(CATEGORIES, row, strict=True)), wording)
            for *row, wording in zip(*columns.values(), numbers, strict=True)
        ]
        prices = {"price": market.price[rows], "promotion": market.promotion[rows].astype(float)}
        return pd.DataFrame({"text": texts} | columns | prices, index=items.ids[rows])
