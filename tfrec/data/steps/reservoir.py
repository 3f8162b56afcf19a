"""A bounded uniform sample of what was seen."""

import numpy as np


class Reservoir:
    """Keeps for each of a growing number of groups a uniform sample of at most `size` of its values.

    Value number n of a group enters with probability size / n, in place of a random one (Algorithm R: Vitter, ACM
    TOMS 1985). The sample is a function of the seed and of the sequence of calls of `add`. Memory is
    `8 * size + 8` bytes a group, at most doubled by room to grow.

    Args:
        size: values kept of a group.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size, self.seed = size, seed
        self.seen = 0
        self._values = np.zeros((0, size))
        self._counts = np.zeros(0, np.int64)

    def add(self, values: np.ndarray, groups: np.ndarray | None = None) -> None:
        """Takes in values `[n]`, each of group `groups[i]` (all of group 0 if None); NaN is left out."""
        groups = np.zeros(len(values), np.int64) if groups is None else groups
        groups, values = groups[~np.isnan(values)], values[~np.isnan(values)]
        if not len(values):
            return
        self._make_room(int(groups.max()) + 1)
        rng = np.random.default_rng([self.seed, self.seen])
        order = np.argsort(groups, kind="stable")
        groups, values = groups[order], values[order]
        added = np.bincount(groups, minlength=len(self._counts))
        first = np.cumsum(added) - added
        number = self._counts[groups] + np.arange(len(groups)) - first[groups]
        place = np.where(number < self.size, number, rng.integers(0, number + 1))
        taken = place < self.size
        self._values[groups[taken], place[taken]] = values[taken]  # numpy keeps the last of several for one place
        self._counts += added
        self.seen += len(values)

    def sample(self, group: int = 0) -> np.ndarray:
        """The values kept of a group, `[at most size]`; empty for a group without values."""
        if group >= len(self._counts):
            return np.zeros(0)
        return self._values[group, : self._counts[group]]

    def medians(self, groups: np.ndarray) -> np.ndarray:
        """The median of the sample of each of `groups` `[n]`, all of which have values, `[n]`."""
        count = np.minimum(self._counts[groups], self.size)
        held = np.arange(self.size) < count[:, None]
        ordered = np.sort(np.where(held, self._values[groups], np.inf), axis=1)
        rows = np.arange(len(groups))
        return (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2

    def _make_room(self, groups: int) -> None:
        if groups > len(self._counts):
            more = max(groups, 2 * len(self._counts)) - len(self._counts)
            self._values = np.concatenate([self._values, np.zeros((more, self.size))])
            self._counts = np.concatenate([self._counts, np.zeros(more, np.int64)])
