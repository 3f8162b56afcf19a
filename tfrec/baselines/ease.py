"""Each item predicted from all others, by a linear model in closed form."""

from collections.abc import Callable

import numpy as np

from tfrec.baselines.item_knn import bought
from tfrec.baselines.own_items import followed, popularity_below_one
from tfrec.baselines.popularity import periods
from tfrec.baselines.refreshed import Periodic
from tfrec.data.history import History, own_rows
from tfrec.data.requests import Requests
from tfrec.errors import require


class Ease:
    """EASE (Steck, WWW 2019): `X B` with the B of zero diagonal that minimises `|X - X B|^2 + penalty |B|^2`.

    X is 1 where a user ever bought an item, of those bought most often. With `P = (X'X + penalty I)^-1`,
    `B_ij = -P_ij / P_jj` off the diagonal. The other items follow below these by popularity, and it alone ranks for
    a user who bought none of them. Queries are ignored.

    Args:
        items: how many are modelled; time grows with its cube, memory is `28 * items^2` bytes.
        penalty: lambda of the paper, more than 0.
        window: periods of the popularity.
        every: periods from one fit of B to the next; None fits once. What users bought is always known.
        own: whether what the user bought is scored; False gives it 0, which as a feature beside those of own purchases
            tells of the others alone.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(
        self, items: int = 5000, penalty: float = 500, window: int = 4, every: int | None = 1, own: bool = True
    ) -> None:
        require(items >= 1, f"baseline.ease.items is {items}: choose 1 or more.")
        require(penalty > 0, f"baseline.ease.penalty is {penalty}: choose more than 0.")
        self.items, self.penalty, self.window = items, penalty, periods(window, "baseline.ease.window")
        self.own = own
        self._fitted = Periodic(self.fit, every)

    def start(self, state) -> None:
        """The end of the base is the first fit."""
        self._fitted.start(state)

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        fill = popularity_below_one(history, self.window)
        items, weights = self._fitted(history)
        known = own_rows(bought(history), requests.users)
        modelled = known[:, items]

        def block(rows: slice) -> np.ndarray:
            scores = followed(modelled[rows] @ weights, items, fill)
            if not self.own:
                scores[known[rows].nonzero()] = 0
            return scores

        return block

    def fit(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """The items modelled, `[some]`, most bought first, and B, `[some, some]`, float32."""
        items = np.argsort(-history.popularity(), kind="stable")[: self.items]
        users = bought(history)[:, items].astype(float)
        gram = (users.T @ users).toarray()
        gram[np.diag_indices_from(gram)] += self.penalty
        inverse = np.linalg.inv(gram)
        weights = (inverse / -np.diag(inverse)).astype(np.float32)
        np.fill_diagonal(weights, 0)
        return items, weights
