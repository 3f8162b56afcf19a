"""What this user bought most often, filled up with what everybody buys."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from tfrec.baselines.popularity import periods
from tfrec.data.history import History, own_rows
from tfrec.data.requests import Requests
from tfrec.errors import InputError


class OwnItems:
    """Own items by the number of periods in which they were bought, before all others by popularity.

    `score = 1 + count + tie` for items that the user bought, with `tie` from 0 to 1, and
    `popularity / (1 + max popularity)` for the others.

    Args:
        ties: what orders own items of equal count: `popularity`, or `insertion` (first bought, first listed).
        window: periods of the popularity.

    Raises:
        InputError: `ties` is neither of the two.
    """

    def __init__(self, ties: str = "popularity", window: int = 4) -> None:
        if ties not in ("popularity", "insertion"):
            raise InputError(f"baseline own_items: ties is '{ties}': choose popularity or insertion.")
        self.ties, self.window = ties, periods(window, "baseline.own_items.window")

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        fill = popularity_below_one(history, self.window)
        own = history.own(requests.users)
        own.data += 1 + self._tie(history, requests.users, own, fill)
        return overlays(fill, own)

    def _tie(self, history: History, users: np.ndarray, own: sparse.csr_matrix, fill: np.ndarray) -> np.ndarray:
        if self.ties == "popularity":
            return fill[own.indices]
        first = own_rows(history.first_purchase(), users)
        owner = np.repeat(np.arange(len(users)), np.diff(first.indptr))
        order = np.lexsort((first.data, owner))
        place = np.empty(len(order))
        place[order] = np.arange(len(order)) - first.indptr[owner]
        return 1 - place / (1 + place.max(initial=0))


def popularity_below_one(history: History, window: int) -> np.ndarray:
    """Popularity of the last `window` periods as a score in [0, 1), `[items]`."""
    popularity = history.popularity(window)
    return popularity / (1.0 + popularity.max(initial=0))


def overlays(base: np.ndarray, own: sparse.csr_matrix) -> Callable[[slice], np.ndarray]:
    """A function from a slice of users to scores `[block, items]`, float32.

    Args:
        base: scores for everybody, `[items]`.
        own: `[users, items]`, scores that replace them where it has an entry.
    """
    base = base.astype(np.float32)

    def block(users: slice) -> np.ndarray:
        rows = own[users]
        scores = np.tile(base, (rows.shape[0], 1))
        scores[np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)), rows.indices] = rows.data
        return scores

    return block


def above(fill: np.ndarray, items: np.ndarray, scores: np.ndarray, sizes: np.ndarray) -> Callable[[slice], np.ndarray]:
    """A function from a slice of requests to scores `[block, len(fill)]`: some items by theirs, above all others.

    Args:
        fill: `[len(fill)]`, in [0, 1), what orders the others.
        items, scores: `[n]`, the candidates of one request after those of another.
        sizes: `[requests]`, candidates of each.
    """
    scores = 1 + scores - scores.min(initial=0)
    ends = np.append(0, np.cumsum(sizes))
    return overlays(fill, sparse.csr_matrix((scores, items, ends), shape=(len(sizes), len(fill))))


def filled(scores: np.ndarray, fill: np.ndarray) -> np.ndarray:
    """Scores of at least 0 `[block, items]`, with items that have none below them by `fill` in [0, 1), float32."""
    return np.where(scores > 0, scores, fill - 1).astype(np.float32)


def followed(scores: np.ndarray, items: np.ndarray, fill: np.ndarray) -> np.ndarray:
    """Scores of some items, with all others below them by `fill`, `[block, len(fill)]`, float32.

    Args:
        scores: `[block, some items]`; a row of zeros says nothing, and becomes `fill` alone.
        items: rows of those items in the catalogue.
        fill: `[items]`, in [0, 1).
    """
    table = scores.min(axis=1, initial=0, keepdims=True) + (fill - 1)
    table[:, items] = scores
    table[~scores.any(axis=1)] = fill
    return table.astype(np.float32)


def products(users: np.ndarray, items: np.ndarray, rows: np.ndarray, fill: np.ndarray) -> Callable[[slice], np.ndarray]:
    """A function from a slice of `rows` to scores `x_u y_i`, `[block, len(fill)]`; others follow by `fill`.

    Args:
        users, items: vectors `[some users, dim]` and `[some items, dim]`, of the first rows of each.
        rows: of users, those without a vector and -1 (never seen) included.
        fill: `[items]`, in [0, 1).
    """
    known = np.where(rows < len(users), rows, -1)
    own = np.vstack([users, np.zeros_like(users, shape=(1, users.shape[1]))])[known]
    return lambda block: followed(own[block] @ items.T, np.arange(len(items)), fill)
