"""What has been seen of the stream so far; every statistic is computed from here, so none knows the future."""

import copy
import hashlib

import numpy as np
import pandas as pd
from scipy import sparse

from tfrec.data.frequency import Frequency
from tfrec.data.spool import Spool
from tfrec.data.vocabulary import Vocabulary


class History:
    """Users, items and their purchases up to now, growing by one period at a time.

    The catalogue is `items`: every item that anyone has bought before. `newest` is the time of the newest event
    seen; the loop checks it against the period that is scored. Events are kept on disk; in memory are the ids, 16
    bytes (and room for more) for each different (user, item) of each decay asked for, and each period's counts of
    items.

    Args:
        has_quantities: whether all events have a `quantity` that is kept; without, what events have is not looked at.
    """

    def __init__(self, has_quantities: bool = False) -> None:
        self.has_quantities = has_quantities
        self.users = Vocabulary()
        self.items = Vocabulary()
        self.newest: pd.Timestamp | None = None
        self._pairs = Spool()
        self._counts: list[tuple[np.ndarray, np.ndarray]] = []
        self._active: list[int] = []
        self._frequencies: dict[float, Frequency] = {}
        self._whole: dict[float, sparse.csr_matrix] = {}  # of all users, until the next period
        self._digest = hashlib.sha256()
        self._known: list[tuple] = []  # after each period: numbers of users and items, newest, digest

    def __len__(self) -> int:
        return len(self._counts)

    @property
    def last_period(self) -> int:
        """Number of the newest period seen, -1 at first."""
        return len(self) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and of items seen."""
        return len(self.users), len(self.items)

    @property
    def digest(self) -> str:
        """Sha256 of all that was seen."""
        return self._digest.hexdigest()

    def observe(self, events: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Takes in what the next period reveals; returns the events' user rows and item rows, int32 `[n]` each."""
        known, quantities = self.shape, {}
        if self.has_quantities:
            quantity = np.nan_to_num(events["quantity"].to_numpy(np.float32), posinf=0)
            quantities = {"quantity": np.maximum(quantity, 0)}
        rows = self.users.add(events["user"]), self.items.add(events["item"])
        self._pairs.append({"users": rows[0], "items": rows[1]} | quantities)
        counts = np.bincount(rows[1])
        bought = np.flatnonzero(counts)
        self._counts.append((bought, counts[bought]))
        self._active.append(np.count_nonzero(np.bincount(rows[0])))
        if len(events):
            newest = events["timestamp"].max()
            self.newest = newest if self.newest is None else max(self.newest, newest)
        self._whole = {}
        for frequency in self._frequencies.values():
            frequency.advance(*rows)
        for column, values, before in zip(("user", "item"), rows, known, strict=True):
            new = events[column].to_numpy()[values >= before]
            self._digest.update("\n".join(map(str, pd.unique(new))).encode() + values.tobytes())
        for quantity in quantities.values():
            self._digest.update(quantity.tobytes())
        self._digest.update(str(self.newest).encode())
        self._known.append((*self.shape, self.newest, self._digest.copy()))
        return rows

    def pairs(self, t: int) -> tuple[np.ndarray, np.ndarray]:
        """User rows and item rows of the events that period t revealed, int32 `[n]` each."""
        return tuple(self._pairs[t][name] for name in ("users", "items"))

    def quantities(self, t: int) -> np.ndarray | None:
        """How much each of those events bought, float32 `[n]`, not below 0; None in a history without."""
        return self._pairs[t].get("quantity")

    def copy(self) -> "History":
        """A history that stands still while this one goes on."""
        twin = copy.copy(self)
        twin.users, twin.items = copy.copy(self.users), copy.copy(self.items)
        twin._counts, twin._active = list(self._counts), list(self._active)
        twin._frequencies = {decay: frequency.copy() for decay, frequency in self._frequencies.items()}
        twin._whole = {}
        twin._digest, twin._known = self._digest.copy(), list(self._known)
        return twin

    def until(self, t: int) -> "History":
        """A history that stands still and knows periods 0 to t - 1 only, as this one did before period t.

        Raises:
            IndexError: this one has not seen period t - 1 yet.
        """
        if not 0 <= t <= len(self):
            raise IndexError(f"the history has {len(self)} periods, so there is none that ends before period {t}")
        past = History(self.has_quantities)
        past._pairs, past._counts, past._active = self._pairs, self._counts[:t], self._active[:t]
        past._known = self._known[:t]
        if t:
            users, items, past.newest, digest = self._known[t - 1]
            past.users, past.items = Vocabulary(self.users.ids[:users]), Vocabulary(self.items.ids[:items])
            past._digest = digest.copy()
        return past

    def frequency(self, decay: float = 1.0) -> sparse.csr_matrix:
        """Decayed number of periods in which a user bought an item: `sum over s < t of decay ** (t - 1 - s)`.

        Costs what all users bought, once a period; `own` costs what some did.

        Returns:
            `[users, items]`, float64, nonzero exactly where the user ever bought the item.
        """
        if decay not in self._whole:
            self._whole[decay] = self.own(np.arange(len(self.users)), decay)
        return self._whole[decay]

    def own(self, users: np.ndarray, decay: float = 1.0) -> sparse.csr_matrix:
        """Rows of `frequency` in the order of `users`, a copy; an empty row for a user never seen (-1)."""
        return self._kept(decay).rows(users, len(self.items))

    def ages(self, users: np.ndarray) -> sparse.csr_matrix:
        """Periods since each of `users` last bought each item, 1 for the newest period, `[n, items]` int32."""
        return self._kept(next(iter(self._frequencies), 1.0)).ages(users, len(self.items))

    def bought(self, users: np.ndarray) -> list[np.ndarray]:
        """The item rows that each of `users` ever bought, in order; none for a user never seen (-1)."""
        return self._kept(next(iter(self._frequencies), 1.0)).bought(users)  # whichever is there

    def popularity(self, window: int | None = None, last: int | None = None) -> np.ndarray:
        """How many (user, period) pairs bought each item in `window` periods (all, if None), `[items]`.

        Args:
            last: the last period that counts; None is the newest.
        """
        counts, end = np.zeros(len(self.items), int), len(self) if last is None else last + 1
        for items, times in self._counts[max(0, end - window) if window else 0 : end]:
            counts[items] += times
        return counts

    def active_users(self, window: int) -> int:
        """Sum over the last `window` periods of the number of users with an event."""
        return sum(self._active[-window:])

    def first_period(self) -> np.ndarray:
        """The period that revealed each item's first purchase, `[items]`."""
        # Rows are given in the order of first purchases: those up to the largest of a period are known after it.
        known = np.maximum.accumulate([0] + [items.max(initial=-1) + 1 for items, _ in self._counts])[1:]
        return np.searchsorted(known, np.arange(len(self.items)), side="right")

    def first_purchase(self) -> sparse.csr_matrix:
        """Position in the stream, counted from 1, of each user's first purchase of each item, `[users, items]`."""
        if not len(self):
            return sparse.csr_matrix(self.shape)
        users, items = (np.concatenate(rows) for rows in zip(*map(self.pairs, range(len(self))), strict=True))
        users = users.astype(np.int64)
        pairs, position = np.unique(users * len(self.items) + items, return_index=True)
        rows, columns = np.divmod(pairs, len(self.items))
        return sparse.csr_matrix((position + 1, (rows, columns)), shape=self.shape)

    def _kept(self, decay: float) -> Frequency:
        if decay not in self._frequencies:
            frequency = Frequency(decay)
            for t in range(len(self)):
                frequency.advance(*self.pairs(t))
            self._frequencies[decay] = frequency
        return self._frequencies[decay]


def own_rows(matrix: sparse.csr_matrix, users: np.ndarray) -> sparse.csr_matrix:
    """Rows of a `[users, items]` matrix in the order of `users`; an empty row for a user never seen (-1)."""
    ends = np.append(matrix.indptr, matrix.indptr[-1])  # an empty row at the end, which -1 takes
    rows = sparse.csr_matrix((matrix.data, matrix.indices, ends), shape=(matrix.shape[0] + 1, matrix.shape[1]))[users]
    rows.sort_indices()
    return rows
