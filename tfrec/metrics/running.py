"""What is remembered of a stream for its running metrics: a mean of losses, or the events themselves."""

import numpy as np

from tfrec.errors import require

FORGOTTEN = 1e-6  # an event of this faded weight, or less, is no longer remembered


def check_forgetting(fading: float, window: int | None) -> None:
    """Refuses what cannot be.

    Raises:
        InputError: `fading` is not in (0, 1], the window is below 1, or both are chosen.
    """
    require(0 < fading <= 1, f"evaluate.fading is {fading}: choose above 0, up to 1.")
    require(window is None or window >= 1, f"evaluate.window is {window}: choose 1 or more events, or null.")
    require(window is None or fading == 1, "evaluate has fading and window: choose one of them.")


class PrequentialMean:
    """Mean of a loss over a stream, forgetting or not (Gama, Sebastiao, Rodrigues, Machine Learning 90, 2013).

    With a fading factor: `S_i / B_i`, `S_i = L_i + fading S_{i-1}`, `B_i = 1 + fading B_{i-1}`; `fading = 1` is the
    mean of all. With a window: the mean of the last `window` losses.

    Raises:
        InputError: see `check_forgetting`.
    """

    def __init__(self, fading: float = 1.0, window: int | None = None) -> None:
        check_forgetting(fading, window)
        self.fading, self.window = fading, window
        self.total = self.weight = 0.0
        self.recent = np.zeros(0)

    def update(self, losses: np.ndarray) -> float:
        """Takes the losses of the next events, `[n]` in time order; returns the mean after the last of them."""
        if self.window is not None:
            self.recent = np.concatenate([self.recent, losses])[-self.window :]
            return float(self.recent.mean())
        kept = self.fading ** np.arange(len(losses) - 1, -1, -1.0)
        past = self.fading ** len(losses)
        self.total = past * self.total + float(kept @ losses)
        self.weight = past * self.weight + float(kept.sum())
        return self.total / self.weight

    def state(self) -> np.ndarray:
        """All that it remembers, as one array."""
        return np.array([self.total, self.weight, *self.recent])

    def restore(self, state: np.ndarray) -> None:
        """Takes back what `state` returned."""
        self.total, self.weight, self.recent = float(state[0]), float(state[1]), state[2:]


class RecentEvents:
    """The newest events of a stream, for metrics of a set of events, which are no mean of losses.

    With a window: the last `window` events, each of weight 1. With a fading factor: an event that `age` others came
    after weighs `fading ** age` and is remembered while that is above 1e-6, so `13.8 / (1 - fading)` events or so.
    With neither, nothing is remembered: memory would grow with the stream.

    Raises:
        InputError: see `check_forgetting`.
    """

    def __init__(self, fading: float = 1.0, window: int | None = None) -> None:
        check_forgetting(fading, window)
        self.fading = fading
        self.size = window or 0
        if fading < 1:
            self.size = max(1, int(np.ceil(np.log(FORGOTTEN) / np.log(fading))))
        self.events = np.zeros((3, 0))

    def update(self, labels: np.ndarray, predictions: np.ndarray, users: np.ndarray) -> None:
        """Takes the next events, `[n]` each in time order; users are whole numbers."""
        new = np.stack([labels, predictions, users]).astype(float)
        events = np.concatenate([self.events, new], axis=1)
        self.events = events[:, max(0, events.shape[1] - self.size) :]

    def value(self, metric) -> float:
        """A metric of `tfrec.metrics.labels` over the remembered events."""
        labels, predictions, users = self.events
        weights = self.fading ** np.arange(len(labels) - 1, -1, -1.0)
        return metric(labels, predictions, weights, users)
