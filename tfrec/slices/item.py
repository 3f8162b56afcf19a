"""Targets by how well known they are."""

import numpy as np

from tfrec.data.truth import Truth
from tfrec.errors import require


class Item:
    """`new_item`, `head_item`, `mid_item` and `tail_item`: targets by age, the older ones by popularity.

    New are the items first bought in the last `new` periods, and those never bought before, which are not in the
    catalogue and so are always missed. The others are cut at quantiles of their number of purchases before the period,
    among the catalogue's items that are not new: tail up to the quantile `mid`, the middle above it and up to `head`.
    The many items bought once are of the tail.

    Args:
        new: periods for which an item is new.
        head: quantile above which an item is of the head. mid: quantile above which it is of the middle.

    Raises:
        InputError: the numbers are out of their ranges.
    """

    def __init__(self, new: int = 4, head: float = 0.9, mid: float = 0.5) -> None:
        require(new >= 0, f"slice.item.new is {new}: choose 0 or more periods.")
        require(0 < mid < head < 1, f"slice.item has mid={mid}, head={head}: choose 0 < mid < head < 1.")
        self.new, self.head, self.mid = new, head, mid

    def __call__(self, truth: Truth) -> dict[str, np.ndarray]:
        """Whether each target is in the slice, bool `[targets]` by name."""
        old = truth.age > self.new
        bounds = np.quantile(truth.popularity[old], [self.mid, self.head]) if old.any() else [0, 0]
        place = np.where(old, 1 + np.searchsorted(bounds, truth.popularity, side="left"), 0)
        item = truth.flat_targets()[1]
        place = np.where(item >= 0, place[item], 0)
        return {f"{name}_item": place == n for n, name in enumerate(("new", "tail", "mid", "head"))}
