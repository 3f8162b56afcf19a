"""Matrix factorisation of all purchases."""

from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from tfrec.baselines.own_items import popularity_below_one, products
from tfrec.baselines.popularity import periods
from tfrec.baselines.refreshed import Periodic
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import InputError, require


class Als:
    """Implicit-feedback ALS (Hu, Koren and Volinsky, ICDM 2008), by the package `implicit`, trained anew at each fit.

    Minimises `sum of c (p - x_u y_i)^2 + regularization (|x|^2 + |y|^2)` over all users and items, with p = 1 and
    c = alpha times the number of periods in which u bought i, and p = 0, c = 1 where that is none. Items and users
    that came after the fit follow by popularity. Queries are ignored.

    Args:
        factors, regularization, alpha, iterations: as above. seed: of the first factors.
        window: periods of the popularity.
        every: periods from one fit to the next; None fits once. What users bought since is not known.

    Raises:
        InputError: `implicit` is not installed.
    """

    def __init__(
        self,
        factors: int = 64,
        regularization: float = 5,
        alpha: float = 1,
        iterations: int = 15,
        window: int = 4,
        every: int | None = 1,
        seed: int = 0,
    ) -> None:
        self._model = _implicit()
        self.options = {"factors": factors, "regularization": regularization, "alpha": alpha}
        self.options |= {"iterations": iterations, "random_state": seed}
        numbers = f"factors={factors}, iterations={iterations}, regularization={regularization}, alpha={alpha}"
        require(
            min(factors, iterations) >= 1 and regularization >= 0 and alpha > 0,
            f"baseline.als has {numbers}: choose whole numbers from 1 on, regularization >= 0, alpha > 0.",
        )
        self.window = periods(window, "baseline.als.window")
        self._fitted = Periodic(self.fit, every, kept=6)  # a re-ranker asks about its last periods, too

    def start(self, state) -> None:
        """The end of the base is the first fit."""
        self._fitted.start(state)

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        return products(*self._fitted(history), requests.users, popularity_below_one(history, self.window))

    def fit(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """The factors of the users `[users, factors]` and of the items `[items, factors]`, float32."""
        counts = history.frequency().astype(np.float32)
        with threadpool_limits(1, "blas"):  # implicit has threads of its own, and warns of others
            model = self._model(**self.options)
            model.fit(counts, show_progress=False)
        return np.asarray(model.user_factors), np.asarray(model.item_factors)


def _implicit():
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError as error:
        raise InputError(
            "Als (baseline=als, and a source of model.features.candidates) needs implicit: run "
            "pip install 'tfrec[als]', or leave it out (of candidates by null)."
        ) from error
    return AlternatingLeastSquares
