"""Items: attributes of real products, and vectors, appeal and births that follow them or are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec.data import complete_journey
from tfrec.errors import require
from tfrec.simulator.draws import generator
from tfrec.simulator.wording import BRANDS, words

COLUMNS = {
    "product_type": "type",
    "product_category": "category",
    "brand": "brand",
    "package_size": "size",
    "department": "department",
}
SPREAD = {"department": 0.3, "category": 0.5, "type": 0.6, "brand": 0.3, "item": 0.3}


@dataclass(frozen=True)
class Items:
    """All items that there will ever be, by row.

    Args:
        ids: `[items]`, `i0`, `i1`, ...
        codes: attribute -> `[items]`, position of the item's value in `values[attribute]`.
        values: attribute -> its different values, sorted; "" for a package size that is not stated.
        vectors: `[items, dim]`, of length 1.
        appeal: `[items]`, standard normal: how much everybody likes an item.
        born: `[items]`, the period from whose start on there is such an item.
    """

    ids: pd.Index
    codes: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    vectors: np.ndarray
    appeal: np.ndarray
    born: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


class Catalogue:
    """Samples products of Complete Journey and gives each a vector that its attributes, hence its text, tell about.

    `v_i = sum over levels l of spread_l * g_l[value of l of i] + spread_item * g_i`, scaled to length 1, with
    standard normal vectors g. Items beyond the products repeat them, each as often as the others or once more: of the
    same attributes and text, with a vector, appeal and birth of their own.

    Args:
        dim: length of the vectors of items and tastes.
        new_share: share of the items that are born later, each at the start of a period drawn from `new_from` to
            `new_until`, both included.
        spread: how much each level weighs: department, category, type, brand, item (what the text does not tell).
        folder: of Complete Journey's Parquet files; None takes those of the package.

    Raises:
        InputError: no such products, or a knob outside of its range.
    """

    def __init__(
        self,
        n_items: int = 5000,
        dim: int = 16,
        new_share: float = 0.2,
        new_from: int = 1,
        new_until: int = 26,
        spread: Mapping[str, float] = SPREAD,
        folder: str | None = None,
    ) -> None:
        require(isinstance(n_items, int) and n_items >= 1, f"catalogue.n_items is {n_items}: choose 1 or more.")
        require(isinstance(dim, int) and dim >= 1, f"catalogue.dim is {dim}: choose 1 or more.")
        require(0 <= new_share < 1, f"catalogue.new_share is {new_share}: choose a share from 0 to below 1.")
        require(
            1 <= new_from <= new_until,
            f"catalogue.new_from={new_from} and new_until={new_until}: choose 1 <= new_from <= new_until.",
        )
        require(
            set(spread) == set(SPREAD), f"catalogue.spread has {', '.join(spread)}: give exactly {', '.join(SPREAD)}."
        )
        self.n_items, self.dim, self.new_share = n_items, dim, new_share
        self.new_from, self.new_until, self.spread, self.folder = new_from, new_until, dict(spread), folder

    def draw(self, seed: int) -> Items:
        """The items of one world."""
        table = products(self.folder)
        rng = generator(seed, "items")
        rows = _sample(len(table), self.n_items, rng)
        values = {name: np.unique(table[name].to_numpy(dtype=object)) for name in table}
        codes = {name: np.searchsorted(values[name], table[name].to_numpy(dtype=object)[rows]) for name in table}
        born = np.zeros(self.n_items, int)
        late = rng.choice(self.n_items, round(self.new_share * self.n_items), replace=False)
        born[late] = rng.integers(self.new_from, self.new_until + 1, len(late))
        appeal = rng.standard_normal(self.n_items)
        ids = pd.Index([f"i{row}" for row in range(self.n_items)], name="item")
        return Items(ids, codes, values, self._vectors(seed, codes, values), appeal, born)

    def _vectors(self, seed: int, codes: dict, values: dict) -> np.ndarray:
        noise = generator(seed, "vectors of items").standard_normal((self.n_items, self.dim))
        total = self.spread["item"] * noise
        for level in ("department", "category", "type", "brand"):
            rng = generator(seed, f"vectors of {level}")
            total += self.spread[level] * rng.standard_normal((len(values[level]), self.dim))[codes[level]]
        return total / np.linalg.norm(total, axis=1, keepdims=True)


def _sample(products: int, items: int, rng: np.random.Generator) -> np.ndarray:
    """Products `[items]` in random order, none once more than another until all are there."""
    rounds = range(0, items, products)
    return np.concatenate([rng.choice(products, min(products, items - first), replace=False) for first in rounds])


def products(folder: str | None) -> pd.DataFrame:
    """Attributes of all products that have a readable type and category, a row each; "" is a size not stated."""
    table = complete_journey.product_table(folder).reset_index()
    table = table[list(COLUMNS)].rename(columns=COLUMNS).fillna("").astype(object)
    table["brand"] = table["brand"].map(BRANDS).fillna("national")
    for name in ("type", "category", "department"):
        readable = {value: bool(words(value)) for value in table[name].unique()}
        table = table[table[name].map(readable)]
    return table.reset_index(drop=True)
