"""The model as it was at the end of the base."""

from collections.abc import Callable

import tensorflow as tf

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.models.scoring import Towers
from tfrec.models.weights import Weights


class Frozen:
    """Weights fixed at the end of the base; histories, vocabulary and index go on.

    Rows of items that came later start as the model starts any new item, from the fixed weights.
    """

    def begin(self, state) -> None:
        """Says before anything is learned if the model has no towers."""
        Towers(state.model)

    def start(self, state) -> None:
        """Takes the model's weights as they are now."""
        self.model, self.live, self.period = state.model, state.history, state.history.last_period
        self.towers, self.weights = state.new_index(), Weights(state.model)

    def score(self, history: History, requests: Requests) -> Callable[[slice], tf.Tensor]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        with self.weights.applied():
            self.model.start_rows(self.live, self.period)
            self.towers.forget()  # what new rows start from changes where rows expire and texts change
            return self.towers.score(history, requests)
