"""Prices: a level for each category, promotions, and shocks in stated periods."""

import difflib
from collections.abc import Sequence

import numpy as np

from tfrec.errors import require
from tfrec.simulator.catalogue import Items
from tfrec.simulator.draws import generator

SHOCK = ("category", "start", "end", "factor")


class Prices:
    """`price_i(t) = level_category * exp(item_spread * z_i) * product of shocks * (1 - discount if promoted)`.

    The level is log-normal: `median * exp(category_spread * z)`, z standard normal. In each period every item is on
    promotion with probability `promotion_share`, for that period.

    Args:
        median: price of the middle category, in money.
        shocks: `{category, start, end, factor}` each: from period `start` to `end`, both included, the prices of
            the category are multiplied by `factor`.
    """

    def __init__(
        self,
        median: float = 4.0,
        category_spread: float = 0.6,
        item_spread: float = 0.3,
        promotion_share: float = 0.05,
        discount: float = 0.2,
        shocks: Sequence[dict] = (),
    ) -> None:
        require(median > 0, f"prices.median is {median}: choose more than 0.")
        require(min(category_spread, item_spread) >= 0, "prices.category_spread and item_spread: not below 0.")
        require(0 <= promotion_share <= 1, f"prices.promotion_share is {promotion_share}: choose 0 to 1.")
        require(0 <= discount < 1, f"prices.discount is {discount}: choose a share from 0 to below 1.")
        for shock in shocks:
            require(set(shock) == set(SHOCK), f"prices.shocks has {dict(shock)}: give each exactly {', '.join(SHOCK)}.")
            require(
                0 <= shock["start"] <= shock["end"] and shock["factor"] > 0,
                f"prices.shocks has {dict(shock)}: choose 0 <= start <= end and a factor above 0.",
            )
        self.median, self.category_spread, self.item_spread = median, category_spread, item_spread
        self.promotion_share, self.discount, self.shocks = promotion_share, discount, list(shocks)

    def levels(self, items: Items, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Each item's category level and its own price before shocks and promotions, `[items]` each."""
        categories = items.values["category"]
        for shock in self.shocks:
            _require_category(shock["category"], categories[np.unique(items.codes["category"])])
        z = generator(seed, "category prices").standard_normal(len(categories))
        level = self.median * np.exp(self.category_spread * z)[items.codes["category"]]
        return level, level * np.exp(self.item_spread * generator(seed, "prices").standard_normal(len(items)))

    def at(self, t: int, price: np.ndarray, items: Items, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Prices in period t, in cents' precision, and whether each item is on promotion, `[items]` each."""
        promoted = generator(seed, "promotions", t).random(len(items)) < self.promotion_share
        price = price * np.where(promoted, 1 - self.discount, 1.0)
        for shock in self.shocks:
            if shock["start"] <= t <= shock["end"]:
                hit = items.values["category"][items.codes["category"]] == shock["category"]
                price = np.where(hit, price * shock["factor"], price)
        return np.maximum(price.round(2), 0.01), promoted


def _require_category(name: str, categories: np.ndarray) -> None:
    close = difflib.get_close_matches(str(name), categories, n=3, cutoff=0.4) or list(categories[:3])
    require(
        name in categories,
        f"prices.shocks names the category '{name}', which no item of this world has: choose for example "
        f"{', '.join(close)}, or another data.world.seed or catalogue.n_items.",
    )
