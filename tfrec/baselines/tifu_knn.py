"""How often this user and those most like them bought an item."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from tfrec.baselines.own_items import filled, popularity_below_one
from tfrec.baselines.popularity import periods
from tfrec.data.history import History, own_rows
from tfrec.data.requests import Requests
from tfrec.errors import require


class TifuKnn:
    """TIFU-KNN (Hu, He, Gao and Zhang, SIGIR 2020): `alpha * own + (1 - alpha) * mean of the neighbours`.

    A basket is what a user bought in one period. The p-th of a user's n baskets, in time order from 0, is in group
    `floor(p k / n)` of k = `groups`, or of k = n if there are fewer baskets: the groups are equal but for one basket.
    With n_g baskets in group g, the vector of a user is
    `1/k sum over g of group_decay^(k - 1 - g) / n_g sum over its baskets, j-th from the last, of basket_decay^(j - 1)`.
    The neighbours are the users nearest to it by Euclidean distance, without the user. Items that neither bought
    follow by popularity, and it alone ranks for a user never seen. Queries are ignored.

    Args:
        groups: runs of baskets. basket_decay, group_decay: what a basket and a group keep of their worth to the next.
        neighbours: number of users. alpha: weight of the own vector, from 0 to 1.
        window: periods of the popularity.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(
        self,
        groups: int = 7,
        basket_decay: float = 1.0,
        group_decay: float = 0.9,
        neighbours: int = 100,
        alpha: float = 0.5,
        window: int = 4,
    ) -> None:
        require(groups >= 1, f"baseline.tifu_knn.groups is {groups}: choose 1 or more.")
        require(neighbours >= 1, f"baseline.tifu_knn.neighbours is {neighbours}: choose 1 or more.")
        require(0 <= alpha <= 1, f"baseline.tifu_knn.alpha is {alpha}: choose 0 <= alpha <= 1.")
        self.groups, self.basket_decay, self.group_decay = groups, basket_decay, group_decay
        decays = f"basket_decay={basket_decay}, group_decay={group_decay}"
        require(0 < min(basket_decay, group_decay), f"baseline.tifu_knn has {decays}: choose above 0.")
        self.neighbours, self.alpha, self.window = neighbours, alpha, periods(window, "baseline.tifu_knn.window")

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        fill = popularity_below_one(history, self.window)
        vectors = self.vectors(history)
        own = own_rows(vectors, requests.users)
        nearest = self._nearest(vectors, own, requests.users)

        def block(rows: slice) -> np.ndarray:
            scores = self.alpha * own[rows] + (1 - self.alpha) * (nearest[rows] @ vectors)
            return filled(scores.toarray(), fill)

        return block

    def vectors(self, history: History) -> sparse.csr_matrix:
        """What each user's purchases are worth, `[users, items]`."""
        pairs = [history.pairs(t) for t in range(len(history))]
        users = np.concatenate([rows[0] for rows in pairs]).astype(np.int64)
        items = np.concatenate([rows[1] for rows in pairs])
        period = np.repeat(np.arange(len(pairs)), [len(rows[0]) for rows in pairs])
        baskets, basket = np.unique(users * len(pairs) + period, return_inverse=True)
        bought = sparse.csr_matrix((np.ones(len(items)), (basket, items)), shape=(len(baskets), len(history.items)))
        bought.data[:] = 1  # bought for two queries is bought once
        owner = baskets // len(pairs)
        shape = (len(history.users), len(baskets))
        return sparse.csr_matrix((self._worth(owner), (owner, np.arange(len(baskets)))), shape=shape) @ bought

    def _worth(self, owner: np.ndarray) -> np.ndarray:
        """What each basket counts in the vector of its owner, `[baskets]`, given in the order of owner and time."""
        count = np.bincount(owner)
        place = np.arange(len(owner)) - (np.cumsum(count) - count)[owner]
        baskets = count[owner]
        groups = np.minimum(baskets, self.groups)
        group = place * groups // baskets
        first, end = -(-group * baskets // groups), -(-(group + 1) * baskets // groups)
        later = end - 1 - place
        return self.basket_decay**later * self.group_decay ** (groups - 1 - group) / ((end - first) * groups)

    def _nearest(self, vectors: sparse.csr_matrix, own: sparse.csr_matrix, users: np.ndarray) -> sparse.csr_matrix:
        """What each user counts for each request, `[requests, users]`: 1 / neighbours for a neighbour."""
        known = np.flatnonzero(users >= 0)  # a user never seen has no neighbours
        k = min(self.neighbours, vectors.shape[0] - 1)
        if not len(known) or k < 1:
            return sparse.csr_matrix((len(users), vectors.shape[0]))
        # |x - y|^2 = |x|^2 - 2 x y + |y|^2, of which the first is the same for all y
        squares = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
        distance = squares - 2 * (own[known] @ vectors.T).toarray()
        distance[np.arange(len(known)), users[known]] = np.inf
        chosen = np.argpartition(distance, k - 1, axis=1)[:, :k].ravel()
        weights = np.full(chosen.size, 1 / k)
        return sparse.csr_matrix((weights, (np.repeat(known, k), chosen)), shape=(len(users), vectors.shape[0]))
