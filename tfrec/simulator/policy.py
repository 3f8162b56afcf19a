"""What is shown: a ranking mixed with uniform exploration, and the probability with which each item was."""

import numpy as np

from tfrec.errors import require


def explore(ranking: np.ndarray, available: np.ndarray, slate: int, epsilon: float, rng: np.random.Generator):
    """Fills a slate from the top: at each position, with probability epsilon, any item that is not above.

    Else the best of the ranking that is not above.

    Args:
        ranking: rows of items, best first, `[requests, k]`, k >= slate, each once.
        available: sorted rows of the items that may be shown.

    Returns:
        what is shown, `[requests, slate]`, and what the ranking alone would have put there, the same shape.
    """
    n, ranking = len(ranking), ranking[:, :slate]
    by_chance, share = rng.random((n, slate)) < epsilon, rng.random((n, slate))
    shown, best, places = np.empty((3, n, slate), dtype=np.int64)
    for p in range(slate):
        above = shown[:, :p]
        taken = (ranking[:, :, None] == above[:, None, :]).any(2)
        best[:, p] = ranking[np.arange(n), taken.argmin(1)]
        free = (share[:, p] * (len(available) - p)).astype(np.int64)
        for place in np.sort(places[:, :p], axis=1).T:
            free += free >= place  # counts only what is not above
        shown[:, p] = np.where(by_chance[:, p], available[free], best[:, p])
        places[:, p] = np.searchsorted(available, shown[:, p])
    return shown, best


def uniform(available: int, slate: int) -> np.ndarray:
    """Probability of each item that is left when one is drawn evenly at positions 1 to slate, `[slate]`."""
    return 1 / (available - np.arange(slate))


def smallest(values: np.ndarray, k: int, groups: int = 128) -> np.ndarray:
    """Columns of the k smallest values of each row, smallest first, `[n, k]`.

    Columns are looked at in groups: the k smallest lie in the k groups whose least values are smallest. That takes a
    fifth of the time of one partition of 5,000 columns.
    """
    n, columns = values.shape
    if k > groups or columns <= groups * k:
        return _first(values, np.broadcast_to(np.arange(columns), values.shape), k)
    size = -(-columns // groups)
    padded = np.pad(values, ((0, 0), (0, size * groups - columns)), constant_values=np.inf).reshape(n, size, groups)
    group = np.argpartition(padded.min(1), k - 1, axis=1)[:, :k]
    column = (np.arange(size)[:, None] * groups + group[:, None, :]).reshape(n, size * k)
    return _first(np.take_along_axis(padded.reshape(n, -1), column, 1), column, k)


def without_replacement(weights: np.ndarray, n: int, slate: int, rng: np.random.Generator) -> np.ndarray:
    """Places drawn one after the other in proportion to `weights`, each once a row, `[n, slate]`.

    A point drawn evenly on a line on which each place has a stretch as long as its weight is in a place's stretch with
    the place's probability. What is above is cut out of the line, so nothing is drawn in vain, and a row takes
    `O(slate * (slate + log places))`.

    Args:
        weights: `[places]`, above 0; at least `slate`.
    """
    order = np.argsort(weights, kind="stable")  # small ones first: a sum with large ones would swallow them
    ends = np.cumsum(weights[order], dtype=np.float64)
    starts = np.concatenate([[0.0], ends[:-1]])
    share, drawn = rng.random((n, slate)), np.empty((n, slate), dtype=np.int64)
    for p in range(slate):
        above = np.sort(drawn[:, :p], axis=1)
        # What is left of the line: from each end of what is above to the next start. The whole less what is above
        # would be nothing where one weight outweighs all others.
        begin = np.concatenate([np.zeros((n, 1)), ends[above]], axis=1)
        end = np.concatenate([starts[above], np.full((n, 1), ends[-1])], axis=1)
        point = share[:, p] * (end - begin).sum(1)
        for place in above.T:
            passed = np.maximum(point + (ends[place] - starts[place]), ends[place])
            point = np.where(point >= starts[place], passed, point)
        drawn[:, p] = np.minimum(np.searchsorted(ends, point, side="right"), len(ends) - 1)
        while (again := (drawn[:, p, None] == drawn[:, :p]).any(1)).any():  # rounded into the end of the line
            drawn[again, p] -= 1
    return order[drawn]


def _first(values: np.ndarray, columns: np.ndarray, k: int) -> np.ndarray:
    best = np.argpartition(values, k - 1, axis=1)[:, :k]
    best = np.take_along_axis(best, np.take_along_axis(values, best, 1).argsort(1), 1)
    return np.take_along_axis(columns, best, 1)


class Softmax:
    """The policy that made the log: noisy popularity and relevance, softened, with exploration.

    `weight_i = exp(popularity * appeal_i + noise * z_i(t) + relevance * rel(query, i))`, z standard normal, anew each
    period. Going down the slate, with S the items above and m items to choose from,
    `P(i at p | S) = (1 - epsilon) * weight_i / sum over j not in S of weight_j + epsilon / (m - |S|)`.

    Args:
        popularity: weight of the items' true appeal, which the policy knows but for the noise.
        relevance: weight of the relevance to the query, from 0 to 1.
        noise: standard deviation of what the policy gets wrong about an item in a period.
        epsilon: share of the positions that are filled evenly.
        slate: number of positions.
    """

    def __init__(
        self,
        popularity: float = 1.0,
        relevance: float = 5.0,
        noise: float = 0.5,
        epsilon: float = 0.1,
        slate: int = 10,
    ) -> None:
        require(isinstance(slate, int) and slate >= 1, f"policy.slate is {slate}: choose 1 or more.")
        require(noise >= 0, f"policy.noise is {noise}: choose 0 or more.")
        require(0 <= epsilon <= 1, f"policy.epsilon is {epsilon}: choose a share from 0 to 1.")
        self.popularity, self.relevance, self.noise = popularity, relevance, noise
        self.epsilon, self.slate = epsilon, slate

    def items(self, appeal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Weights without a query, as logarithms that are at most 0, `[items]`."""
        logits = self.popularity * appeal + self.noise * rng.standard_normal(len(appeal))
        return np.maximum(logits - logits.max(), -40.0)

    def weights(self, items: np.ndarray, relevance: np.ndarray) -> np.ndarray:
        """`weight_i` up to a factor, float32, in the shape of `relevance`; `items` are their logarithms without."""
        return np.exp((items + self.relevance * relevance).astype(np.float32))

    def ranking(self, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Columns drawn one after the other without replacement in proportion to `weights`, `[n, slate]`.

        The first to ring of clocks that ring at rates `weight_i` is i with probability `weight_i / sum`, and as
        clocks have no memory, this holds again among those that are left, whichever were taken away.
        """
        ring = rng.standard_exponential(weights.shape, dtype=np.float32)
        ring /= weights
        return smallest(ring, self.slate)

    def alike(self, weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """The same for `n` requests that all weigh the columns alike, from `weights` `[columns]`."""
        return without_replacement(weights, n, self.slate, rng)

    def propensities(self, shown: np.ndarray, total: np.ndarray, available: int) -> np.ndarray:
        """P(what is shown | what stands above it).

        Args:
            shown: weights of what is shown, `[requests, slate]`. total: sum of all weights, `[requests]`.
            available: number of items to choose from.
        """
        weight = shown.astype(np.float64)
        left = total[:, None] - (np.cumsum(weight, axis=1) - weight)
        return (1 - self.epsilon) * weight / left + self.epsilon * uniform(available, shown.shape[1])
