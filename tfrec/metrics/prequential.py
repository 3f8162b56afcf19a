"""Errors of predictions that were made one event after the other, each before its label was known."""

from collections.abc import Callable

import numpy as np

from tfrec.errors import InputError, require


def absolute_error(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """`|y - p|`."""
    return np.abs(labels - predictions)


def squared_error(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """`(y - p)^2`."""
    return (labels - predictions) ** 2


def log_loss(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """`-log p` where y is 1, `-log (1 - p)` where y is 0; p is kept 1e-15 away from 0 and 1."""
    _require_binary(labels)
    p = np.clip(predictions, 1e-15, 1 - 1e-15)
    return -np.log(np.where(labels == 1, p, 1 - p))


def agreement(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """1 where y is 1 and p at least a half, or y is 0 and p below; else 0."""
    _require_binary(labels)
    return ((predictions >= 0.5) == (labels == 1)).astype(float)


def _require_binary(labels: np.ndarray) -> None:
    odd = labels[(labels != 0) & (labels != 1)]
    if len(odd):
        raise InputError(
            f"A label is {odd[0]:g}, but evaluate.metrics has log_loss or accuracy, which take 0 and 1: "
            "choose evaluate.metrics=[mae,rmse]."
        )


# What is averaged over events; `rmse` is the root of its average.
LOSSES: dict[str, Callable] = {
    "mae": absolute_error,
    "rmse": squared_error,
    "log_loss": log_loss,
    "accuracy": agreement,
}
SMALLER_IS_BETTER = ("mae", "rmse", "log_loss")


def average(metric: str, values, weights) -> float:
    """A metric over all events, from its `values` over parts of them and the parts' `weights` (numbers of events)."""
    power = 2 if metric == "rmse" else 1  # squares average, their roots do not
    return float((values**power * weights).sum() / weights.sum()) ** (1 / power)


class PrequentialMean:
    """Mean of a loss over a stream, forgetting or not (Gama, Sebastiao, Rodrigues, Machine Learning 90, 2013).

    With a fading factor: `S_i / B_i`, `S_i = L_i + fading S_{i-1}`, `B_i = 1 + fading B_{i-1}`; `fading = 1` is the
    mean of all. With a window: the mean of the last `window` losses.

    Raises:
        InputError: `fading` is not in (0, 1], the window is below 1, or both are chosen.
    """

    def __init__(self, fading: float = 1.0, window: int | None = None) -> None:
        require(0 < fading <= 1, f"evaluate.fading is {fading}: choose above 0, up to 1.")
        require(window is None or window >= 1, f"evaluate.window is {window}: choose 1 or more events, or null.")
        require(window is None or fading == 1, "evaluate has fading and window: choose one of them.")
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


class PrequentialEvaluator:
    """Metrics of predicted labels over the events of a period, and running over the stream.

    Args:
        metrics: names of `LOSSES`.
        fading: of the running metrics, see `PrequentialMean`. window: the same.

    Raises:
        InputError: an unknown metric.
    """

    def __init__(self, metrics=("mae", "rmse"), fading: float = 1.0, window: int | None = None) -> None:
        require(not isinstance(metrics, str) and len(metrics) > 0, f"evaluate.metrics is '{metrics}': write a list.")
        unknown = [name for name in metrics if name not in LOSSES]
        require(not unknown, f"evaluate.metrics has {unknown}: per event there are {', '.join(LOSSES)}.")
        PrequentialMean(fading, window)  # refuses what it does not take, before anything runs
        self.metrics, self.fading, self.window = tuple(metrics), fading, window
        self.running: dict[str, PrequentialMean] = {}

    def __call__(self, scorer: str, labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
        """`<metric>` of the next events alone and `running/<metric>` up to the last of them.

        Args:
            scorer: whose predictions; each has its own running metrics.
            labels: `[n]`, in time order. predictions: `[n]`.
        """
        values = {}
        for name in self.metrics:
            losses = LOSSES[name](labels.astype(float), predictions.astype(float))
            running = self.running.setdefault(f"{scorer}/{name}", PrequentialMean(self.fading, self.window))
            root = np.sqrt if name == "rmse" else float
            values[name] = float(root(losses.mean()))
            values[f"running/{name}"] = float(root(running.update(losses)))
        return values

    def state(self) -> dict[str, np.ndarray]:
        """What the running metrics remember, by scorer and metric."""
        return {name: mean.state() for name, mean in self.running.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes back what `state` returned."""
        for name, values in state.items():
            self.running[name] = PrequentialMean(self.fading, self.window)
            self.running[name].restore(values)
