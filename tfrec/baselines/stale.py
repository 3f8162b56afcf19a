"""Everything as it was at the end of the base."""

import copy
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec.baselines.frozen import Frozen
from tfrec.data.history import History


class Stale:
    """Weights, histories and catalogue fixed at the end of the base: what stopping all refreshes costs.

    Items that came later are missing from its ranking, and users who came later are unknown to it.
    """

    def start(self, state) -> None:
        """Takes the weights and the history as they are now."""
        self.frozen = Frozen()
        self.frozen.start(state)
        self.history = copy.deepcopy(state.history)

    def score(self, history: History, users: np.ndarray) -> Callable[[slice], tf.Tensor]:
        """A function from a slice of `users` (rows, -1: never seen) to scores `[block, old catalogue]`."""
        known = np.where(users < len(self.history.users), users, -1)
        return self.frozen.score(self.history, known)
