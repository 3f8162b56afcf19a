"""Purchases of a history, grouped: how often, when first, when last."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfrec.data.history import History


@dataclass(frozen=True)
class Purchases:
    """Each (user, item, period) of a history once, in time order: 24 bytes each, and as much again while grouping.

    Args:
        users, items: rows `[n]`, int64. periods: `[n]`.
        now: the period that comes next.
        quantities: how much was bought, `[n]`; None where that is not known.
    """

    users: np.ndarray
    items: np.ndarray
    periods: np.ndarray
    now: int
    quantities: np.ndarray | None = None

    @classmethod
    def of(cls, history: History) -> "Purchases":
        """All purchases of the history."""
        pairs, width = [np.zeros(0, np.int64)], max(1, len(history.items))
        quantities = [np.zeros(0)]
        for t in range(len(history)):
            users, items = history.pairs(t)
            keys, event = np.unique(users.astype(np.int64) * width + items, return_inverse=True)
            pairs.append(keys)
            if history.has_quantities:
                quantities.append(np.bincount(event, history.quantities(t), len(keys)))
        periods = np.repeat(np.arange(-1, len(history)), [len(keys) for keys in pairs])
        known = np.concatenate(quantities) if history.has_quantities else None
        return cls(*np.divmod(np.concatenate(pairs), width), periods, len(history), known)

    def grouped(self, keys: np.ndarray, decays: Sequence[float] = ()) -> "Groups":
        """Purchases of equal key together, `keys` being `[n]`, int64."""
        order = np.argsort(keys, kind="stable")  # so that periods of a group stay in order
        keys, periods = keys[order], self.periods[order]
        start = np.flatnonzero(np.diff(keys, prepend=-1))
        end = np.append(start, len(keys))[1:]
        sums = [_sums(decay ** (self.now - 1.0 - periods), start) for decay in decays]
        return Groups(keys[start], end - start, periods[start], periods[end - 1], np.array(sums))


@dataclass(frozen=True)
class Groups:
    """What is known of each group of purchases, `[groups]` each, in the order of their keys.

    Args:
        keys: different, ascending. count: purchases. first, last: periods.
        decayed: `[decays, groups]`, `sum over purchases of decay ** (now - 1 - period)`.
    """

    keys: np.ndarray
    count: np.ndarray
    first: np.ndarray
    last: np.ndarray
    decayed: np.ndarray

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The group of each key, -1 where there is none."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, place, -1)


def _sums(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, start) if len(start) else np.zeros(0)


def at(values: np.ndarray, place: np.ndarray, missing: float = 0) -> np.ndarray:
    """`values[place]` as float32, and `missing` where the place is -1."""
    return np.append(values, missing).astype(np.float32)[place]


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, float32, and 0 where `below` is 0."""
    result = np.zeros(len(above), np.float32)
    return np.divide(above, below, out=result, where=below > 0, casting="unsafe")


def gap(groups: Groups, count: np.ndarray | None = None) -> np.ndarray:
    """Mean number of periods from one purchase to the next; 0 for fewer than two.

    Args:
        count: of different periods, where a group has several purchases in one.
    """
    return ratio(groups.last - groups.first, (groups.count if count is None else count) - 1)


def recency(now: int, groups: Groups, place: np.ndarray) -> np.ndarray:
    """Periods since the last purchase of each group, 1 for the newest period; `now + 1` for none."""
    return at(now - groups.last, place, now + 1)
