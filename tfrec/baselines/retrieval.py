"""Two towers that learn a history by themselves: retrieval as a source of candidates, or beside another model."""

import copy
from collections.abc import Callable

import numpy as np
import pandas as pd

from tfrec.baselines.own_items import popularity_below_one, products
from tfrec.baselines.popularity import periods
from tfrec.baselines.refreshed import Periodic
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.models.scoring import Towers

LOG_Q_WINDOW = 8  # periods whose counts say how often an item is drawn, as loop.log_q_window


class Retrieval:
    """The products of a model of two towers that learned each period of the history, one after the other.

    Its weights before period t are a function of periods 0 to t - 1, so they are the same whenever they are asked for,
    in a resumed run too: each period is learned as of before it, `epochs` times, when it is over. A history that goes
    on costs its new periods; one that is older than those kept costs all of its periods again. Users and items
    that came since follow by popularity, and queries are ignored.

    Args:
        model: a `TwoTower` of `tfrec.models`. optimizer: of its own, a tf_keras one.
        epochs: of each period. batch_size: in events.
        window: periods of the popularity.
        every: periods from one making of the vectors to the next; None makes them once.
        seed: of the order of events.

    Raises:
        InputError: a number is out of range, or the model has no two towers or makes something else of their products.
    """

    def __init__(
        self,
        model,
        optimizer,
        epochs: int = 1,
        batch_size: int = 4096,
        window: int = 4,
        every: int | None = 1,
        seed: int = 0,
    ) -> None:
        require(min(epochs, batch_size) >= 1, f"retrieval: epochs={epochs}, batch_size={batch_size}: choose 1 or more.")
        Towers(model)  # says so if it has none
        require(getattr(model, "repeat", None) is None, "retrieval.model.repeat: a source of candidates takes none.")
        require(
            not model.features.context,
            f"retrieval.model.features.context is {list(model.features.context)}, but a source of candidates knows of "
            "a request who asks alone: leave it empty.",
        )
        self._untouched = model, optimizer
        self.epochs, self.batch_size, self.seed = epochs, batch_size, seed
        self.window = periods(window, "retrieval.window")
        self._items: pd.DataFrame | None = None
        self._state: StreamState | None = None
        self._fitted = Periodic(self.fit, every, kept=6)  # a re-ranker asks about its last periods, too

    def know(self, items: pd.DataFrame) -> None:
        """Takes the item table as it is before the first event: all items that may come, with their categories."""
        self._items = items

    def start(self, state) -> None:
        """The end of the base is the first fit."""
        self._fitted.start(state)

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        return products(*self._fitted(history), requests.users, popularity_below_one(history, self.window))

    def fit(self, history: History) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of the users `[users, dim]` and of the items `[items, dim]`, float32."""
        if not len(history):
            return np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32)
        state = self._learned(history)
        ids = state.history.users.ids
        everybody = Requests(np.arange(len(ids)), ids)
        features, towers = state.model.features, self._towers
        asked = features.users(state.history, everybody) | features.past(state.history, everybody)
        known = features.candidates(state.history, np.arange(len(state.history.items)))
        return towers.queries(asked).numpy(), towers.candidates(state.model.table_rows(known)).numpy()

    def _learned(self, history: History) -> StreamState:
        """The state after all periods of `history`, from the one it is in if that is one of its past."""
        state = self._state
        learned = 0 if state is None else len(state.history)
        if not 0 < learned <= len(history) or history.until(learned).digest != self._seen:
            model, optimizer = self._untouched
            model, optimizer = copy.deepcopy(model), optimizer.from_config(optimizer.get_config())
            self._stream, self._towers = Replayed(history, self._items), Towers(model)
            state = self._state = StreamState(self._stream, model, Learner(model, optimizer), {}, seed=self.seed)
        self._stream.history = history
        for t in range(len(state.history), len(history)):
            state.observe(t)
            state.learn(range(t, t + 1), self.epochs, self.batch_size, LOG_Q_WINDOW)
        self._seen = history.digest
        return state


class Replayed:
    """A history as the stream that it came from: who had what in which period, and the item table."""

    late, distinct, has_quantities, user_table = False, True, False, None

    def __init__(self, history: History, items: pd.DataFrame) -> None:
        self.history, self.items = history, items

    def scored(self, t: int) -> pd.DataFrame:
        """Events of period t."""
        users, items = self.history.pairs(t)
        known = self.history.until(t + 1)
        return pd.DataFrame(
            {"user": known.users.ids[users], "item": known.items.ids[items], "timestamp": known.newest, "period": t}
        )

    revealed = scored

    def changes(self, t: int) -> None:
        """The item table does not change."""
