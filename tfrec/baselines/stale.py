"""Everything as it was at the end of the base."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import tensorflow as tf

from tfrec.baselines.frozen import Frozen
from tfrec.data.history import History
from tfrec.data.requests import Requests


class Stale:
    """Weights, histories and catalogue fixed at the end of the base: what stopping all refreshes costs.

    Items that came later are missing from its ranking, and users who came later are unknown to it.
    """

    partial = True  # the catalogue

    def __init__(self) -> None:
        self.frozen = Frozen()

    def begin(self, state) -> None:
        """Says before anything is learned if the model has no towers."""
        self.frozen.begin(state)

    def start(self, state) -> None:
        """Takes the weights and the history as they are now."""
        self.frozen.start(state)
        self.history = state.history.copy()

    def score(self, history: History, requests: Requests) -> Callable[[slice], tf.Tensor]:
        """A function from a slice of `requests` to scores `[block, old catalogue]`."""
        known = np.where(requests.users < len(self.history.users), requests.users, -1)
        return self.frozen.score(self.history, replace(requests, users=known))
