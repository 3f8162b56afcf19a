"""Which row of a table an id has: admission, expiry, hash buckets."""

import numpy as np

from tfrec.errors import require


class Rows:
    """Gives table rows to ids that are seen often and lately; the others share buckets.

    An id is known by its number in a `Vocabulary`, which never changes; only the table's memory is limited. It is
    admitted once it was seen `admission` times and expires when it was not seen for `expiry` periods; then its row is
    given to the next id, and it must be admitted again. Without a row of its own, id n has the row
    `hash(n) % buckets`. (Admission and expiry: Liu et al., Monolith, 2022; buckets: Weinberger et al., ICML 2009.)

    Args:
        admission: how often an id must be seen to get a row; None gives no id a row: hash buckets alone.
        expiry: periods without an event after which a row is taken back; None keeps it for good.
        buckets: rows at the start of the table that ids without a row share. With admission 1 and no expiry none is
            needed; else there is at least one.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, admission: int | None = 1, expiry: int | None = None, buckets: int = 0) -> None:
        require(admission is None or admission >= 1, f"admission is {admission}: choose 1 or more, or null.")
        require(expiry is None or expiry >= 1, f"expiry is {expiry}: choose 1 or more periods, or null.")
        require(buckets >= 0, f"buckets is {buckets}: choose 0 or more.")
        self.admission, self.expiry = admission, expiry
        self.identity = admission == 1 and expiry is None and buckets == 0
        self.buckets = max(buckets, 0 if admission == 1 and expiry is None else 1)
        self.size = self.buckets  # rows of the table that were ever in use
        self.row, self.count = np.zeros(0, np.int32), np.zeros(0, np.int64)
        self.seen, self.since = np.zeros(0, np.int32), np.zeros(0, np.int32)
        self.period, self._free = -1, np.zeros(0, np.int32)
        self.new = self.expired = 0

    def observe(self, numbers: np.ndarray, total: int) -> np.ndarray:
        """Takes in the ids of one period; returns the table rows that went from one id to another, `[n]`.

        Args:
            numbers: of the period's events, `[n]`. total: ids known by now.
        """
        self.period += 1
        new = np.arange(len(self.row), total)
        self.new = len(new)
        self.row = np.append(self.row, self._bucket(new))
        self.count = np.append(self.count, np.zeros(len(new), np.int64))
        self.seen = np.append(self.seen, np.full(len(new), -1, np.int32))
        self.since = np.append(self.since, np.full(len(new), -1, np.int32))
        self.count += np.bincount(numbers, minlength=total)
        self.seen[numbers] = self.period
        self.expired = self._expire()
        return self._admit()

    def counts(self) -> dict[str, int]:
        """What the last period changed: ids known, new, with a row, that got one, that lost it."""
        admitted = len(self.admitted_after(self.period - 1))
        return {
            "known": len(self.row),
            "new": self.new,
            "rows": int(self.own.sum()),
            "admitted": admitted,
            "expired": self.expired,
        }

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        """Table rows of id numbers, int32, of the same shape."""
        return numbers if self.identity else self.row[numbers]

    def admitted_after(self, period: int) -> np.ndarray:
        """Numbers of the ids that have a row since a later period than `period`, in order."""
        return np.flatnonzero(self.since > period)

    @property
    def own(self) -> np.ndarray:
        """Whether an id has a row of its own, bool `[ids]`."""
        return self.since >= 0

    def _expire(self) -> int:
        if self.expiry is None:
            return 0
        old = np.flatnonzero(self.own & (self.seen <= self.period - self.expiry))
        self._free = np.concatenate([self._free, self.row[old]])
        self.row[old], self.since[old], self.count[old] = self._bucket(old), -1, 0
        return len(old)

    def _admit(self) -> np.ndarray:
        if self.admission is None:
            return np.zeros(0, np.int32)
        new = np.flatnonzero(~self.own & (self.count >= self.admission))
        reused, self._free = self._free[: len(new)], self._free[len(new) :]
        fresh = np.arange(self.size, self.size + len(new) - len(reused), dtype=np.int32)
        self.size += len(fresh)
        self.row[new], self.since[new] = np.concatenate([reused, fresh]), self.period
        return reused

    def _bucket(self, numbers: np.ndarray) -> np.ndarray:
        # Multiplied by an odd constant near 2**32 / golden ratio (Knuth), so that neighbours fall apart.
        mixed = (numbers.astype(np.uint64) * np.uint64(2654435769)) % np.uint64(2**32) >> np.uint64(8)
        return (mixed % np.uint64(max(1, self.buckets))).astype(np.int32)
