"""The model as it was at the end of the base."""

from collections.abc import Callable
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.models.scoring import TowerScores


class Frozen:
    """Weights fixed at the end of the base; histories, vocabulary and index go on.

    Rows of items that came later start as the model starts any new item, from the fixed weights.
    """

    def start(self, state) -> None:
        """Takes the model's weights as they are now."""
        self.state, self.period = state, state.history.last_period
        self.towers = TowerScores(state.model)
        self.values = [variable.numpy() for variable in self._variables()]

    def score(self, history: History, requests: Requests) -> Callable[[slice], tf.Tensor]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        with self._fixed_weights():
            self.state.model.start_rows(self.state.history, self.period)
            self.towers.forget()  # what new rows start from changes where rows expire and texts change
            return self.towers.score(history, requests)

    @contextmanager
    def _fixed_weights(self):
        live = [variable.numpy() for variable in self._variables()]
        self._assign(self.values)
        try:
            yield
        finally:
            self._assign(live)

    def _assign(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self._variables(), values, strict=True):
            if variable.shape != value.shape:  # a table that has grown since: its new rows were never learned
                missing = variable.shape[0] - value.shape[0]
                value = np.pad(value, [(0, missing)] + [(0, 0)] * (value.ndim - 1))
            variable.assign(value)

    def _variables(self) -> list[tf.Variable]:
        return self.state.model.tfrs_model.trainable_variables
