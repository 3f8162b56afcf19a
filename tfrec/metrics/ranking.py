"""Ranking metrics from exact ranks; each is an average over the (user, period) pairs of a view."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranks:
    """Where the targets of a set of (user, period) pairs stand in their rankings.

    A target that was not in the catalogue has `ahead` = infinity: it is a miss, never dropped.

    Args:
        pair: `[targets]`, the pair that each target belongs to, below `len(sizes)`.
        ahead: `[targets]`, number of candidates ranked before the target; exact below the evaluator's depth.
        tied: `[targets]`, number of other candidates at the same score whose order is not decided.
        sizes: `[pairs]`, number of targets of each pair, at least 1.
    """

    pair: np.ndarray
    ahead: np.ndarray
    tied: np.ndarray
    sizes: np.ndarray

    def sum_per_pair(self, values: np.ndarray) -> np.ndarray:
        """Sums a value per target, `[targets]`, to one per pair, `[pairs]`."""
        return np.bincount(self.pair, weights=values, minlength=len(self.sizes))

    def expected(self, gain_up_to: np.ndarray) -> np.ndarray:
        """Mean gain of each target over the places `ahead + 1 .. ahead + 1 + tied`, all equally likely.

        Args:
            gain_up_to: `[k + 1]`, summed gain of the first r places for r = 0..k; places below k gain nothing.
        """
        k = len(gain_up_to) - 1
        before = np.minimum(self.ahead, k).astype(int)
        after = np.minimum(self.ahead + 1 + self.tied, k).astype(int)
        return (gain_up_to[after] - gain_up_to[before]) / (1 + self.tied)


def discounts_up_to(k: int) -> np.ndarray:
    """`sum over r <= n of 1 / log2(1 + r)` for n = 0..k, `[k + 1]`."""
    return np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])


def ndcg(ranks: Ranks, k: int) -> np.ndarray:
    """`sum over hits of 1 / log2(1 + rank)`, divided by that of min(k, |T|) hits at the top, `[pairs]`."""
    best = discounts_up_to(k)
    return ranks.sum_per_pair(ranks.expected(best)) / best[np.minimum(ranks.sizes, k)]


def recall(ranks: Ranks, k: int) -> np.ndarray:
    """`hits in the first k / |T|`, `[pairs]`."""
    return _hits(ranks, k) / ranks.sizes


def capped_recall(ranks: Ranks, k: int) -> np.ndarray:
    """`hits in the first k / min(k, |T|)`, `[pairs]`."""
    return _hits(ranks, k) / np.minimum(ranks.sizes, k)


def _hits(ranks: Ranks, k: int) -> np.ndarray:
    return ranks.sum_per_pair(ranks.expected(np.arange(k + 1.0)))
