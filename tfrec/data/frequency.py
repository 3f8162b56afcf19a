"""How often each user bought each item, in rows that are read and written one by one."""

import numpy as np
from scipy import sparse

ROOM = 8  # entries that a user's first stretch has room for


class Frequency:
    """Decayed number of periods in which a user bought an item: `sum over s < t of decay ** (t - 1 - s)`.

    A user's entries are one stretch of two arrays, by item, and stand as of the period in which they were last asked
    for; a stretch that has no room left moves to the end, to one of twice the room. A period costs what the entries of
    its own users do, not those of all.
    """

    def __init__(self, decay: float) -> None:
        self.decay, self.period = decay, 0
        self._begin, self._size, self._room, self._as_of = (np.zeros(0, np.int64) for _ in range(4))  # by user
        self._items, self._values, self._end = np.zeros(0, np.int32), np.zeros(0, np.float64), 0
        self._last = np.zeros(0, np.int32)  # the number of periods when each was last bought, that one included

    def copy(self) -> "Frequency":
        """The same, which stands still while this one goes on."""
        twin = Frequency(self.decay)
        twin.period, twin._end = self.period, self._end
        for name in ("_begin", "_size", "_room", "_as_of", "_items", "_values", "_last"):
            setattr(twin, name, getattr(self, name).copy())
        return twin

    def advance(self, users: np.ndarray, items: np.ndarray) -> None:
        """Takes in the user rows and item rows `[n]` of the next period's events."""
        pairs, _ = _distinct((users.astype(np.int64) << 32) | items)  # for two queries in a period is once
        owner, bought = pairs >> 32, (pairs & 0xFFFFFFFF).astype(np.int32)
        active, count = _distinct(owner)
        self._make_rows(active[-1] + 1 if len(active) else 0)
        self._bring_up_to_date(active)  # most often they were just asked for, and are
        self.period += 1
        self._as_of[active] = self.period
        cells, known = self._cells(active), np.repeat(active, self._size[active])
        entries, values = self._items[cells], self._values[cells] * self.decay
        there = (known << 32) | entries
        place = np.searchsorted(there, pairs)
        again = np.zeros(len(pairs), bool)
        again[place < len(there)] = there[place[place < len(there)]] == pairs[place < len(there)]
        values[place[again]] += 1.0
        last = self._last[cells]
        last[place[again]] = self.period
        new = ~again
        old = np.ones(len(entries) + new.sum(), bool)  # where those that were there stand among all
        old[place[new] + np.arange(new.sum())] = False
        entries, values = _merged(old, entries, bought[new]), _merged(old, values, 1.0)
        last = _merged(old, last, self.period)
        self._size[active] += np.bincount(np.repeat(np.arange(len(active)), count)[new], minlength=len(active))
        self._make_room(active)
        cells = self._cells(active)
        self._items[cells], self._values[cells], self._last[cells] = entries, values, last

    def rows(self, users: np.ndarray, items: int) -> sparse.csr_matrix:
        """`[n, items]`, by item, a copy; an empty row for a user never seen (-1, or not yet a row)."""
        seen = (users >= 0) & (users < len(self._size))
        self._bring_up_to_date(_distinct(users[seen])[0])
        cells = self._cells(users[seen])
        sizes = np.zeros(len(users), np.int64)
        sizes[seen] = self._size[users[seen]]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        rows = sparse.csr_matrix((self._values[cells], self._items[cells], ends), shape=(len(users), items))
        rows.has_sorted_indices = True
        if self.decay < 1:
            rows.eliminate_zeros()  # what has decayed below all numbers
        return rows

    def ages(self, users: np.ndarray, items: int) -> sparse.csr_matrix:
        """Periods since each was last bought, 1 for the newest, `[n, items]` int32; nothing where never bought."""
        seen = (users >= 0) & (users < len(self._size))
        cells, sizes = self._cells(users[seen]), np.zeros(len(users), np.int64)
        sizes[seen] = self._size[users[seen]]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        ages = self.period + 1 - self._last[cells]
        return sparse.csr_matrix((ages, self._items[cells], ends), shape=(len(users), items))

    def bought(self, users: np.ndarray) -> list[np.ndarray]:
        """The items that each of `users` ever bought, in order; none for a user never seen."""
        seen = (users >= 0) & (users < len(self._size))
        sizes = np.zeros(len(users), np.int64)
        sizes[seen] = self._size[users[seen]]
        return np.split(self._items[self._cells(users[seen])], np.cumsum(sizes)[:-1])

    def _bring_up_to_date(self, users: np.ndarray) -> None:
        """Multiplies the entries of different `users` by the decay once for each period since, as if done in each."""
        behind = self.period - self._as_of[users]
        users, behind = users[behind > 0], behind[behind > 0]
        self._as_of[users] = self.period
        if self.decay == 1 or not len(users):
            return
        users = users[np.argsort(-behind, kind="stable")]
        behind = np.sort(behind)[::-1]
        cells, ends = self._cells(users), np.cumsum(self._size[users])
        values = self._values[cells]
        for step in range(behind[0]):
            late = np.searchsorted(-behind, -step, side="left")  # users that are more than `step` periods behind
            values[: ends[late - 1]] *= self.decay
        self._values[cells] = values

    def _cells(self, users: np.ndarray) -> np.ndarray:
        """Where the entries of users stand in the two arrays, one user after the other."""
        sizes = self._size[users]
        ends = np.cumsum(sizes)
        return np.arange(ends[-1] if len(ends) else 0) + np.repeat(self._begin[users] - ends + sizes, sizes)

    def _make_rows(self, users: int) -> None:
        more = max(0, users - len(self._size))
        for name in ("_begin", "_size", "_room", "_as_of"):
            setattr(self, name, np.append(getattr(self, name), np.zeros(more, np.int64)))

    def _make_room(self, users: np.ndarray) -> None:
        """Moves stretches that are too short for what their users have now; what they held is written anew."""
        users = users[self._size[users] > self._room[users]]
        self._room[users] = 2 ** np.ceil(np.log2(np.maximum(self._size[users], ROOM))).astype(np.int64)
        ends = self._end + np.cumsum(self._room[users])
        self._begin[users] = ends - self._room[users]
        self._end = int(ends[-1]) if len(ends) else self._end
        if self._end > len(self._items):
            room = self._end + self._end // 8
            # Large blocks of memory grow in place where the system can map them anew.
            self._items.resize(room, refcheck=False)
            self._values.resize(room, refcheck=False)
            self._last.resize(room, refcheck=False)


def _merged(old: np.ndarray, values: np.ndarray, new) -> np.ndarray:
    """Values that were there where `old` says so, new ones elsewhere."""
    merged = np.empty(len(old), values.dtype)
    merged[old], merged[~old] = values, new
    return merged


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different values, sorted, and how often each is there; several times as fast as NumPy's hash table."""
    values = np.sort(values)
    first = np.flatnonzero(np.concatenate([np.ones(min(1, len(values)), bool), values[1:] != values[:-1]]))
    return values[first], np.diff(first, append=len(values))
