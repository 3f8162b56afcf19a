"""Errors of predictions that were made one event after the other, each before its label was known."""

from collections.abc import Callable

import numpy as np

from tfrec.errors import require
from tfrec.metrics import labels as label_metrics
from tfrec.metrics.running import PrequentialMean, RecentEvents, check_forgetting


def absolute_error(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """`|y - p|`."""
    return np.abs(labels - predictions)


def squared_error(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """`(y - p)^2`."""
    return (labels - predictions) ** 2


# Metrics that are averages over events: the loss of each event. `rmse` is the root of its average.
LOSSES: dict[str, Callable] = {
    "mae": absolute_error,
    "rmse": squared_error,
    "log_loss": label_metrics.log_losses,
    "accuracy": label_metrics.hits,
}
# Metrics of a set of events, no averages over them.
OF_SETS: dict[str, Callable] = {name: f for name, f in label_metrics.METRICS.items() if name not in LOSSES}
SMALLER_IS_BETTER = ("mae", "mse", "rmse", "log_loss", "ne", "ece")


def average(metric: str, values, weights) -> float:
    """A metric over all events, from its `values` over parts of them and the parts' `weights` (numbers of events).

    For a metric of `OF_SETS` it is the mean of the parts' values. Parts whose value is NaN, undefined, are left out;
    NaN if none is left.
    """
    values, weights = np.asarray(values, float), np.asarray(weights, float)
    weights = np.where(np.isnan(values), 0, weights)
    power = 2 if metric == "rmse" else 1  # squares average, their roots do not
    total = weights.sum()
    return float((np.nan_to_num(values) ** power * weights).sum() / total) ** (1 / power) if total else float("nan")


class PrequentialEvaluator:
    """Metrics of predicted labels over the events of a period, and running over the stream.

    Running metrics are over all events so far, or the last `window`, or all with weights that fade. A metric of a set
    of events (`OF_SETS`) has a running value with a window or fading only, see `RecentEvents`; over all of the past it
    is given per period.

    Args:
        metrics: names of `LOSSES` and `OF_SETS`.
        fading: of the running metrics, see `PrequentialMean` and `RecentEvents`. window: the same.

    Raises:
        InputError: an unknown metric, or see `check_forgetting`.
    """

    def __init__(self, metrics=("mae", "rmse"), fading: float = 1.0, window: int | None = None) -> None:
        require(not isinstance(metrics, str) and len(metrics) > 0, f"evaluate.metrics is '{metrics}': write a list.")
        unknown = [name for name in metrics if name not in LOSSES and name not in OF_SETS]
        known = ", ".join([*LOSSES, *OF_SETS])
        require(not unknown, f"evaluate.metrics has {unknown}: per event there are {known}.")
        check_forgetting(fading, window)  # refuses what it does not take, before anything runs
        self.metrics, self.fading, self.window = tuple(metrics), fading, window
        self.running: dict[str, PrequentialMean] = {}
        self.recent: dict[str, RecentEvents] = {}

    def __call__(self, scorer: str, labels: np.ndarray, predictions: np.ndarray, users=None) -> dict[str, float]:
        """`<metric>` of the next events alone and `running/<metric>` up to the last of them.

        Args:
            scorer: whose predictions; each has its own running metrics.
            labels: `[n]`, in time order. predictions: `[n]`. users: `[n]` whole numbers, for `gauc`.
        """
        labels, predictions = labels.astype(float), predictions.astype(float)
        values = {}
        for name in self.metrics:
            if name in OF_SETS:
                values[name] = OF_SETS[name](labels, predictions, users=users)
                continue
            losses = LOSSES[name](labels, predictions)
            running = self.running.setdefault(f"{scorer}/{name}", PrequentialMean(self.fading, self.window))
            root = np.sqrt if name == "rmse" else float
            values[name] = float(root(losses.mean()))
            values[f"running/{name}"] = float(root(running.update(losses)))
        return values | self._running_of_sets(scorer, labels, predictions, users)

    def per_user(
        self, labels: np.ndarray, predictions: np.ndarray, users: np.ndarray
    ) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        """What is an average over events, for each user: users `[u]`, means by metric, and numbers of events.

        `rmse` is given as `mse`, whose means can be averaged again.
        """
        users, place, events = np.unique(users, return_inverse=True, return_counts=True)
        values = {}
        for name in self.metrics:
            if name in LOSSES:
                losses = LOSSES[name](labels.astype(float), predictions.astype(float))
                values["mse" if name == "rmse" else name] = np.bincount(place, losses) / events
        return users, values, events

    def _running_of_sets(self, scorer: str, labels, predictions, users) -> dict[str, float]:
        names = [name for name in self.metrics if name in OF_SETS]
        if not names or (self.fading == 1 and self.window is None):
            return {}
        recent = self.recent.setdefault(scorer, RecentEvents(self.fading, self.window))
        recent.update(labels, predictions, np.zeros(len(labels)) if users is None else users)
        return {f"running/{name}": recent.value(OF_SETS[name]) for name in names}

    def state(self) -> dict[str, np.ndarray]:
        """What the running metrics remember, by scorer and metric, and by scorer."""
        means = {name: mean.state() for name, mean in self.running.items()}
        return means | {f"{scorer}/events": recent.events for scorer, recent in self.recent.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes back what `state` returned."""
        for name, values in state.items():
            scorer, _, metric = name.rpartition("/")
            if metric == "events":
                self.recent[scorer] = RecentEvents(self.fading, self.window)
                self.recent[scorer].events = values
            else:
                self.running[name] = PrequentialMean(self.fading, self.window)
                self.running[name].restore(values)
