"""Queries of today against an index of some updates ago."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require_whole
from tfrec.models.scoring import Towers


class OldIndex:
    """The run's model with an index that is rebuilt every `every` updates, or never; beside it `eval` has a fresh one.

    In between, queries come from the newest weights, items from those of the last rebuild, and only items that are
    new or changed are encoded, by the newest weights: what an index that is too dear to rebuild costs.

    Args:
        every: updates of the weights from one rebuild to the next; None keeps the index of the base.

    Raises:
        InputError: `every` is below 1.
    """

    def __init__(self, every: int | None = 4) -> None:
        if every is not None:
            require_whole("baseline.old_index.every", every, 1)
        self.every = every

    def begin(self, state) -> None:
        """Says before anything is learned if the model has no towers."""
        Towers(state.model)

    def start(self, state) -> None:
        """Takes the run's model."""
        self.learner, self.towers = state.learner, state.new_index()
        self._lag, self._seen = 0, self.learner.updates

    @property
    def lag(self) -> int:
        """Updates of the weights since the index was rebuilt; one that learns in several parts counts once."""
        return self._lag + (self._seen != self.learner.updates)

    def score(self, history: History, requests: Requests) -> Callable[[slice], tf.Tensor]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        self._lag, self._seen = self.lag, self.learner.updates
        if self.towers.index is None or (self.every is not None and self._lag >= self.every):
            self.towers.forget()
            self._lag = 0
        return self.towers.score(history, requests)

    def state(self) -> dict:
        """The old index, and when it was built."""
        facts = {"lag": np.array(self._lag), "seen": np.array(self._seen)}
        return facts | {f"index/{key}": v for key, v in self.towers.state().items()}

    def restore(self, state: dict) -> None:
        """Takes back what `state` returned."""
        self._lag, self._seen = int(state["lag"]), int(state["seen"])
        index = {key: values for key, values in state.items() if key.startswith("index/")}
        self.towers.restore({key.removeprefix("index/"): values for key, values in index.items()})
