"""The mean of the labels so far, for every event."""

import numpy as np

from tfrec.data.examples import Examples
from tfrec.errors import InputError


class RunningMean:
    """Predicts `(y_1 + ... + y_{i-1}) / (i - 1)` for event i, and 0 for the first."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def predict_then_learn(self, examples: Examples, label: str) -> np.ndarray:
        """Predictions of the label of the next events, `[n]`, each made before its own label was seen."""
        labels = examples.labels[label].astype(float)
        before = self.total + np.cumsum(labels) - labels
        predictions = before / np.maximum(self.count + np.arange(len(labels)), 1)
        self.total, self.count = self.total + float(labels.sum()), self.count + len(labels)
        return predictions

    def score(self, history, requests):
        """Refuses: it says nothing about items.

        Raises:
            InputError: always.
        """
        raise InputError("baseline.running_mean predicts labels and ranks nothing: use it with loop=prequential.")

    def state(self) -> dict[str, np.ndarray]:
        """Sum and number of the labels."""
        return {"sums": np.array([self.total, self.count])}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes back what `state` returned."""
        self.total, self.count = float(state["sums"][0]), int(state["sums"][1])
