"""What is bought by those who bought the same."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import sparse

from tfrec.baselines.own_items import filled, popularity_below_one
from tfrec.baselines.popularity import periods
from tfrec.baselines.refreshed import Periodic
from tfrec.data.history import History, own_rows
from tfrec.data.requests import Requests
from tfrec.errors import require

BLOCK = 512  # items whose similarities to all others are in memory at once
LOW = 2**31 - 1


class ItemKnn:
    """Sums the similarities of an item to those that the user bought (Deshpande and Karypis, TOIS 22(1), 2004).

    `similarity(i, j) = |users of both| / (sqrt(|users of i| |users of j|) + damping)`, kept for the nearest items j of
    each item i; `score(u, j) = sum over i bought by u of similarity(i, j)`. Only purchases of the `last` periods count
    in either: on Complete Journey, weeks 26 to 51, 13 weeks give NDCG@10 of 0.126 and all of the past about 0.106; 13
    was found on these very weeks. Items without a score follow by popularity, and it alone ranks for who bought nothing
    lately. Queries are ignored.

    Args:
        neighbours: similar items that are kept for each; of equal ones those seen first.
        damping: holds back what rests on few users.
        last: periods; None counts all of the past.
        window: periods of the popularity.
        every: periods from one fit of the similarities to the next; None fits once. What users bought is always known.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(
        self,
        neighbours: int = 100,
        damping: float = 10,
        last: int | None = 13,
        window: int = 4,
        every: int | None = 1,
    ) -> None:
        require(neighbours >= 1, f"baseline.item_knn.neighbours is {neighbours}: choose 1 or more.")
        require(damping >= 0, f"baseline.item_knn.damping is {damping}: choose 0 or more.")
        require(last is None or last >= 1, f"baseline.item_knn.last is {last}: choose 1 or more periods, or null.")
        self.neighbours, self.damping, self.last = neighbours, damping, last
        self.window = periods(window, "baseline.item_knn.window")
        self._fitted = Periodic(self.similarities, every, kept=6)  # a re-ranker asks about its last periods, too

    def start(self, state) -> None:
        """The end of the base is the first fit."""
        self._fitted.start(state)

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        fill = popularity_below_one(history, self.window)
        similar = self._fitted(history)
        own = own_rows(bought(history, self.last), requests.users)

        def block(rows: slice) -> np.ndarray:
            scores = own[rows][:, : similar.shape[0]] @ similar
            scores.resize(scores.shape[0], len(fill))  # items that came after the fit
            return filled(scores.toarray(), fill)

        return block

    def similarities(self, history: History) -> sparse.csr_matrix:
        """The similarities that are kept, `[items, items]`, float32; a row holds the neighbours of its item."""
        users = bought(history, self.last)
        rows = list(self._rows(users))
        ends = np.cumsum([0, *map(len, rows)])
        keys = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        values, items = (keys >> 32).astype(np.int32).view(np.float32), LOW - (keys & LOW)
        return sparse.csr_matrix((values, items, ends), shape=(users.shape[1], users.shape[1]))

    def _rows(self, users: sparse.csr_matrix) -> Iterator[np.ndarray]:
        """Of each item its neighbours as whole numbers: the bits of the similarity, then those of `LOW - item`.

        Positive floats are ordered as their bits are, so the largest numbers are the nearest, then the first seen.
        """
        items, norm = users.T.tocsr(), np.sqrt(np.bincount(users.indices, minlength=users.shape[1]))
        for start in range(0, items.shape[0], BLOCK):
            both = items[start : start + BLOCK] @ users
            row = start + np.repeat(np.arange(both.shape[0]), np.diff(both.indptr))
            near = (both.data / (norm[row] * norm[both.indices] + self.damping)).astype(np.float32)
            near[row == both.indices] = 0  # itself
            keys = (near.view(np.int32).astype(np.int64) << 32) + (LOW - both.indices)
            for first, last in zip(both.indptr[:-1], both.indptr[1:], strict=True):
                some = keys[first:last]
                if len(some) > self.neighbours:
                    some = np.partition(some, len(some) - self.neighbours)[-self.neighbours :]
                yield some[some > LOW]


def bought(history: History, last: int | None = None) -> sparse.csr_matrix:
    """1 where a user bought an item in the `last` periods (ever, if None), `[users, items]`, float32."""
    if last is None:
        return history.frequency().astype(bool).astype(np.float32)
    pairs = [np.zeros((2, 0), np.int32)] + [history.pairs(t) for t in range(max(0, len(history) - last), len(history))]
    users, items = np.concatenate(pairs, axis=1)
    table = sparse.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=history.shape)
    table.data[:] = 1  # bought in two periods is bought
    return table
