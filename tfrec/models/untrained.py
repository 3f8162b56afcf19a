"""A baseline as the run's own model."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require
from tfrec.models.stream_model import StreamModel


class Untrained(StreamModel):
    """Ranks as a baseline does; there are no weights, and updates cost nothing.

    Args:
        scorer: the baseline, under its name.

    Raises:
        InputError: not one baseline.
    """

    trains = False

    def __init__(self, scorer: dict) -> None:
        require(len(scorer) == 1, f"model.scorer has {', '.join(scorer) or 'nothing'}: choose one baseline.")
        self.scorer = next(iter(scorer.values()))
        self.features, self.nothing = NoFeatures(), Nothing()

    @property
    def tfrs_model(self) -> tfrs.Model:
        """A model without variables."""
        return self.nothing

    @property
    def partial(self) -> bool:
        """Whether the baseline may know only a part of the catalogue."""
        return getattr(self.scorer, "partial", False)

    def begin(self, items: pd.DataFrame) -> None:
        """Lets the baseline take the item table."""
        if hasattr(self.scorer, "know"):
            self.scorer.know(items)

    def start(self, state) -> None:
        """Lets the baseline take the state at the end of the base."""
        if hasattr(self.scorer, "start"):
            self.scorer.start(state)

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        return self.scorer.score(history, requests)


class NoFeatures:
    """What a model without towers takes: nothing."""

    def observe(self, history: History, items, changed=()) -> list[str]:
        """Nothing to make room for."""
        return []

    def users(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """No features."""
        return {}

    def past(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """No features."""
        return {}

    def candidates(self, history: History, rows: np.ndarray) -> dict[str, np.ndarray]:
        """No features."""
        return {}


class Nothing(tfrs.Model):
    """No variables, and a loss of 0."""

    def compute_loss(self, features, training=False):
        """0."""
        return tf.constant(0.0)
