"""From an item's attributes to its text."""

import re

import numpy as np

from tfrec.errors import require
from tfrec.simulator.draws import generator

BRANDS = {"Private": "private label", "National": "national"}
# The first is how tfrec.data.complete_journey writes a product; the others are how a shop might write it anew.
WORDINGS = (
    ("brand", "type", "category", "department", "size"),
    ("size", "brand", "category", "type", "department", "improved"),
    ("department", "type", "brand", "category", "size", "new look"),
    ("classic", "type", "category", "size", "brand", "department"),
)


def words(value: str) -> list[str]:
    """Lower-case words of letters, digits, dots and percent signs; none of a national brand, which says nothing."""
    return [] if value == BRANDS["National"] else re.findall(r"[a-z0-9.%]+", value.lower())


def text(attributes: dict[str, str], wording: int) -> str:
    """An item's text: the words of its attributes in the order of `WORDINGS[wording]`, each word once."""
    parts = (word for part in WORDINGS[wording] for word in words(attributes.get(part, part)))
    return " ".join(dict.fromkeys(parts))


class Rewriting:
    """Items get another text: another package size, or another wording.

    Args:
        rate: share of the items whose text changes at the start of each period but the first.
        size_share: share of the changes that are of the package size (taken from an item of the same category; an
            item whose size is not stated, or comes out the same, is worded anew instead).
    """

    def __init__(self, rate: float = 0.005, size_share: float = 0.5) -> None:
        require(0 <= rate <= 1, f"rewriting.rate is {rate}: choose a share from 0 to 1.")
        require(0 <= size_share <= 1, f"rewriting.size_share is {size_share}: choose a share from 0 to 1.")
        self.rate, self.size_share = rate, size_share

    def __call__(self, size: np.ndarray, wording: np.ndarray, items, seed: int, t: int):
        """Sizes and wordings of period t, `[items]` each, from those of the period before."""
        rng = generator(seed, "rewriting", t)
        changed = rng.random(len(items)) < self.rate
        resized = changed & (rng.random(len(items)) < self.size_share)
        offered = items.codes["size"][_same(items.codes["category"], rng.random(len(items)))]
        stated = items.values["size"] != ""
        resized &= stated[size] & stated[offered] & (offered != size)
        step = 1 + rng.integers(0, len(WORDINGS) - 1, len(items))
        reworded = (wording + step) % len(WORDINGS)
        return np.where(resized, offered, size), np.where(changed & ~resized, reworded, wording)


def _same(group: np.ndarray, share: np.ndarray) -> np.ndarray:
    """For each row, a row of the same group: the one at `share` (in [0, 1)) of the group's length."""
    order = np.argsort(group, kind="stable")
    size = np.bincount(group)
    first = np.cumsum(size) - size
    return order[first[group] + (share * size[group]).astype(int)]
