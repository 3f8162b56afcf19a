"""Quality against cost."""

import numpy as np


def front(quality: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Which methods no other beats: none is at least as good and as cheap, and better in one of the two, `[n]` bool.

    Args:
        quality: `[n]`, larger is better. cost: `[n]`; a method without a cost (NaN) is neither on the front nor
            beats another.
    """
    quality, cost = np.asarray(quality, float), np.asarray(cost, float)
    as_good = (quality[:, None] >= quality) & (cost[:, None] <= cost)
    better = (quality[:, None] > quality) | (cost[:, None] < cost)
    return ~(as_good & better).any(axis=0) & np.isfinite(quality) & np.isfinite(cost)
