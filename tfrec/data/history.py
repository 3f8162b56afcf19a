"""What has been seen of the stream so far; every statistic is computed from here, so none knows the future."""

import numpy as np
import pandas as pd
from scipy import sparse

from tfrec.data.vocabulary import Vocabulary


class History:
    """Users, items and their purchases up to now, growing by one period at a time.

    The catalogue is `items`: every item that anyone has bought before. `newest` is the time of the newest
    event seen; the loop checks it against the period that is scored.
    """

    def __init__(self) -> None:
        self.users = Vocabulary()
        self.items = Vocabulary()
        self.newest: pd.Timestamp | None = None
        self.periods: list[tuple[np.ndarray, np.ndarray]] = []
        self._frequencies: dict[float, sparse.csr_matrix] = {}

    def __len__(self) -> int:
        return len(self.periods)

    @property
    def last_period(self) -> int:
        """Number of the newest period seen, -1 at first."""
        return len(self.periods) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and of items seen."""
        return len(self.users), len(self.items)

    def observe(self, events: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Takes in the next period's events; returns their user rows and item rows, int32 `[n]` each."""
        rows = self.users.add(events["user"]), self.items.add(events["item"])
        self.periods.append(rows)
        self.newest = events["timestamp"].iloc[-1]
        for decay, frequency in self._frequencies.items():
            self._frequencies[decay] = self._advance(frequency, decay, rows)
        return rows

    def frequency(self, decay: float = 1.0) -> sparse.csr_matrix:
        """Decayed number of periods in which a user bought an item: `sum over s < t of decay ** (t - 1 - s)`.

        Returns:
            `[users, items]`, float64, nonzero exactly where the user ever bought the item.
        """
        if decay not in self._frequencies:
            frequency = sparse.csr_matrix(self.shape)
            for rows in self.periods:
                frequency = self._advance(frequency, decay, rows)
            self._frequencies[decay] = frequency
        return self._frequencies[decay]

    def popularity(self, window: int | None = None) -> np.ndarray:
        """How many (user, period) pairs bought each item in the last `window` periods (all, if None), `[items]`."""
        recent = self.periods[-window:] if window else self.periods
        rows = np.concatenate([items for _, items in recent]) if recent else np.zeros(0, int)
        return np.bincount(rows, minlength=len(self.items))

    def active_users(self, window: int) -> int:
        """Sum over the last `window` periods of the number of users with an event."""
        return sum(len(np.unique(users)) for users, _ in self.periods[-window:])

    def first_purchase(self) -> sparse.csr_matrix:
        """Position in the stream, counted from 1, of each user's first purchase of each item, `[users, items]`."""
        if not self.periods:
            return sparse.csr_matrix(self.shape)
        users = np.concatenate([users for users, _ in self.periods]).astype(np.int64)
        items = np.concatenate([items for _, items in self.periods])
        pairs, position = np.unique(users * len(self.items) + items, return_index=True)
        rows, columns = np.divmod(pairs, len(self.items))
        return sparse.csr_matrix((position + 1, (rows, columns)), shape=self.shape)

    def _advance(self, frequency: sparse.csr_matrix, decay: float, rows) -> sparse.csr_matrix:
        frequency.resize(self.shape)
        bought = sparse.csr_matrix((np.ones(len(rows[0])), rows), shape=self.shape)
        return frequency * decay + bought


def own_rows(matrix: sparse.csr_matrix, users: np.ndarray) -> sparse.csr_matrix:
    """Rows of a `[users, items]` matrix in the order of `users`; an empty row for a user never seen (-1)."""
    known = np.flatnonzero(users >= 0)
    choice = sparse.csr_matrix((np.ones(len(known)), (known, users[known])), shape=(len(users), matrix.shape[0]))
    rows = choice @ matrix
    rows.sort_indices()
    return rows
