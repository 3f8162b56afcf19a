"""The mean of what the model says by its weights of the last updates."""

from collections.abc import Callable

import numpy as np

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require
from tfrec.models.scoring import Towers
from tfrec.models.weights import Weights


class Snapshots:
    """`1 / n sum_s score by w_s`, w_s the weights after each of the last n updates: a snapshot ensemble over time.

    Of Huang et al. (ICLR 2017), whose snapshots are of one training. Histories, vocabulary and catalogue are those of
    now; rows of ids that came after a snapshot start as the model starts them, from its weights. Weights are taken
    where a period is scored that is the first after an update: of several updates between two scored periods, the
    last counts.

    Args:
        last: n, updates; fewer in the first periods. Each costs the memory of the weights and an index of its own.

    Raises:
        InputError: fewer than 1; when the run begins, if the model has no two towers.
    """

    def __init__(self, last: int = 3) -> None:
        require(last >= 1, f"baseline.snapshots.last is {last}: choose 1 or more updates.")
        self.last = last
        self._updates = -1  # of the learner, when the newest snapshot was taken
        self._kept: list[tuple[int, list[np.ndarray]]] = []  # the last period known then, and the weights

    def begin(self, state) -> None:
        """Says before anything is learned if the model has no towers."""
        Towers(state.model)

    def start(self, state) -> None:
        """Takes the run's model."""
        self.model, self.live, self.learner = state.model, state.history, state.learner
        self.towers = state.new_index()

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        self._take()
        parts = []
        for period, values in self._kept:
            with Weights(self.model, values).applied():
                self.model.start_rows(self.live, period)
                self.towers.forget()
                parts.append(self.towers.score(history, requests))
        return lambda rows: np.mean([np.asarray(part(rows), np.float32) for part in parts], axis=0)

    def state(self) -> dict:
        """The weights, the oldest first, each with its period."""
        facts = {"updates": np.array(self._updates), "periods": np.array([period for period, _ in self._kept], int)}
        return facts | {f"{n}/{m}": v for n, (_, values) in enumerate(self._kept) for m, v in enumerate(values)}

    def restore(self, state: dict) -> None:
        """Takes back what `state` returned."""
        self._updates = int(state["updates"])
        found: list[list[np.ndarray]] = [[] for _ in state["periods"]]
        for key, value in state.items():
            number, slash, _ = key.partition("/")
            if slash:
                found[int(number)].append(value)
        self._kept = list(zip(state["periods"].tolist(), found, strict=True))

    def _take(self) -> None:
        """Keeps the weights of now if an update has made them since."""
        if self._updates != self.learner.updates:
            snapshot = self.live.last_period, Weights(self.model).values
            self._kept, self._updates = [*self._kept, snapshot][-self.last :], self.learner.updates
