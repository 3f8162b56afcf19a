"""Ranking metrics from exact ranks; each is an average over the (user, period) pairs of a view.

Among candidates of equal score every order is equally likely, and each metric is its exact expectation over all of
them (McSherry & Najork, ECIR 2008). Targets of a pair with equal `ahead` are in one group of `tied + 1` candidates.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfrec.metrics import first_hit


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


def precision(ranks: Ranks, k: int) -> np.ndarray:
    """`hits in the first k / k`, `[pairs]`."""
    return _hits(ranks, k) / k


def hit_rate(ranks: Ranks, k: int) -> np.ndarray:
    """1 if a target is in the first k, else 0, `[pairs]`."""
    pairs, group = _first_groups(ranks)
    hit = np.zeros(len(ranks.sizes))
    hit[pairs] = first_hit.hit_chance(*group, k)
    return hit


def mrr(ranks: Ranks, k: int | None = None) -> np.ndarray:
    """`1 / rank` of the first target if that is in the first k, else 0, `[pairs]`; None is the whole catalogue.

    For None, `ahead` and `tied` must be exact for all targets at the best score of their pair; for its other targets
    it is enough that `ahead` is larger.
    """
    pairs, group = _first_groups(ranks)
    reciprocal = np.zeros(len(ranks.sizes))
    reciprocal[pairs] = first_hit.mean_reciprocal(*group, k)
    return reciprocal


def average_precision(ranks: Ranks, k: int) -> np.ndarray:
    """`sum over hits in the first k of precision@rank`, divided by min(k, |T|), `[pairs]`: `map@k`.

    A group of g candidates, m of them targets, with a candidates and h targets before it, adds
    `sum over places j = 1..min(g, k - a) of m / g (h + 1 + (j - 1) (m - 1) / (g - 1)) / (a + j)`: place j has a target
    with probability m / g, and then each of the j - 1 places before it one of the m - 1 others of the g - 1 left.
    """
    near = np.flatnonzero(ranks.ahead < k)
    near = near[np.lexsort((ranks.ahead[near], ranks.pair[near]))]
    pair, ahead = ranks.pair[near], ranks.ahead[near].astype(int)
    start = np.flatnonzero(np.diff(pair, prepend=-1) | np.diff(ahead, prepend=-1))  # of each group
    m = np.diff(start, append=len(pair))
    h = start - np.searchsorted(pair, pair[start])
    pair, a, g = pair[start], ahead[start], 1 + ranks.tied[near][start].astype(int)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, k + 1))])
    places = np.minimum(g, k - a)
    each = (m - 1) / np.maximum(g - 1, 1)
    # h + 1 + (j - 1) each = each (a + j) + (h + 1 - each (a + 1)); one place alone is not summed, so that 1 stays 1
    reciprocals = np.where(places == 1, 1 / (a + 1), harmonic[a + places] - harmonic[a])
    gain = m / g * (each * places + (h + 1 - each * (a + 1)) * reciprocals)
    return np.bincount(pair, gain, len(ranks.sizes)) / np.minimum(ranks.sizes, k)


def _first_groups(ranks: Ranks) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Pairs with a target in the catalogue, and the tie that their first target is in: a, g and m, `[n]` each."""
    first = np.full(len(ranks.sizes), np.inf)
    np.minimum.at(first, ranks.pair, ranks.ahead)
    pairs = np.flatnonzero(np.isfinite(first))
    at_first = ranks.ahead == first[ranks.pair]
    m = np.bincount(ranks.pair[at_first], minlength=len(first))
    g = np.ones(len(first), int)
    g[ranks.pair[at_first]] += ranks.tied[at_first].astype(int)
    return pairs, (first[pairs].astype(int), g[pairs], m[pairs])


def _hits(ranks: Ranks, k: int) -> np.ndarray:
    return ranks.sum_per_pair(ranks.expected(np.arange(k + 1.0)))


def mean(values: np.ndarray) -> tuple[float, int]:
    """The mean over the pairs that have a value, NaN if none has, and how many have one."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan"), len(finite)


# Name in `evaluate.metrics`, `<name>@<k>`, and function of ranks and k; `mrr` takes k = None too.
METRICS: dict[str, Callable[[Ranks, int], np.ndarray]] = {
    "ndcg": ndcg,
    "recall": recall,
    "capped_recall": capped_recall,
    "precision": precision,
    "hit_rate": hit_rate,
    "mrr": mrr,
    "map": average_precision,
}
