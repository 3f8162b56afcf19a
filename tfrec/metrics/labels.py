"""Metrics of predictions against labels of 0 and 1, over a set of events.

Each is `f(labels, predictions, weights=None, users=None) -> float`, all `[n]`: an event counts as often as its weight
says (1 without weights), and `users`, any codes, are for `gauc` alone. What is undefined is NaN, never 0: every metric
of no events (or of no weight), and what each says of itself. AUC and grouped AUC take scores of any size, the others at
a threshold too; log loss, normalised entropy and calibration error take probabilities.

All raise InputError for other labels than 0 and 1, for predictions that are not finite and for weights below 0.
"""

from collections.abc import Callable

import numpy as np
from sklearn import metrics

from tfrec.errors import InputError, require

NAN = float("nan")


def log_losses(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """`-log p` where y is 1, `-log (1 - p)` where y is 0, `[n]`; p is kept 1e-15 away from 0 and 1.

    Raises:
        InputError: a prediction is not in [0, 1].
    """
    y, p, _ = _checked(labels, predictions, probabilities=True)
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -np.log(np.where(y, p, 1 - p))


def hits(labels: np.ndarray, predictions: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """1 where y is 1 and p at least the threshold, or y is 0 and p below; else 0: `[n]`."""
    y, p, _ = _checked(labels, predictions)
    return ((p >= threshold) == y).astype(float)


def log_loss(labels, predictions, weights=None, users=None) -> float:
    """Mean of `log_losses`, in nats."""
    return _mean(log_losses(labels, predictions), _checked(labels, predictions, weights)[2])


def auc(labels, predictions, weights=None, users=None) -> float:
    """Chance that a 1 is predicted above a 0, a tie counting half; NaN if the events are of one class only."""
    y, p, w = _checked(labels, predictions, weights)
    return float(metrics.roc_auc_score(y, p, sample_weight=w)) if 0 < _mean(y, w) < 1 else NAN


def gauc(labels, predictions, weights=None, users=None) -> float:
    """Mean over users of the AUC of each user's events, weighted by the user's number of events (their weight).

    Users with one class only are left out; NaN if none is left. (Zhu et al., KDD 2017.)

    Raises:
        InputError: users are not given.
    """
    y, p, w = _checked(labels, predictions, weights)
    require(users is not None, "gauc takes the users of the events: use it in a loop that hands them on.")
    order = np.lexsort((p, users))
    y, p, w, users = y[order], p[order], w[order], np.asarray(users)[order]
    # Runs of a user, in it runs of equal predictions: a 1 beats the 0s of the runs before its own, and half its own.
    another = np.append(True, users[1:] != users[:-1])[: len(y)]
    user = np.cumsum(another) - 1
    tie = np.cumsum(another | np.append(True, p[1:] != p[:-1])[: len(y)]) - 1
    zeros, ones = np.where(y, 0, w), np.where(y, w, 0)
    in_tie, of_user = np.bincount(tie, zeros), np.bincount(user, zeros)
    before = (np.cumsum(in_tie) - in_tie / 2)[tie] - (np.cumsum(of_user) - of_user)[user]
    won, pairs = np.bincount(user, ones * before), of_user * np.bincount(user, ones)
    both = pairs > 0
    return _mean(won[both] / pairs[both], np.bincount(user, w)[both])


def ne(labels, predictions, weights=None, users=None) -> float:
    """Normalised entropy: log loss over that of always predicting the base rate c of these events.

    The latter is `-c log c - (1 - c) log(1 - c)`; NaN if the events are of one class only. Below 1 is better than the
    base rate. (He et al., ADKDD 2014.)
    """
    y, _, w = _checked(labels, predictions, weights)
    c, loss = _mean(y, w), log_loss(labels, predictions, weights)
    return float(loss / -(c * np.log(c) + (1 - c) * np.log1p(-c))) if 0 < c < 1 else NAN


def ece(labels, predictions, weights=None, users=None, bins: int = 15) -> float:
    """Expected calibration error: `sum over bins of (weight of the bin / all) |mean y - mean p|`.

    The bins are of equal width, `[b / bins, (b + 1) / bins)`, and 1 is in the last (Naeini et al., AAAI 2015; 15 bins
    as in Guo et al., ICML 2017). Defined for one class too.
    """
    y, p, w = _checked(labels, predictions, weights, probabilities=True)
    place = np.minimum((p * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(place, w * (y - p))).sum() / w.sum()) if w.sum() else NAN


def accuracy(labels, predictions, weights=None, users=None, threshold: float = 0.5) -> float:
    """Mean of `hits`."""
    return _mean(hits(labels, predictions, threshold), _checked(labels, predictions, weights)[2])


def precision(labels, predictions, weights=None, users=None, threshold: float = 0.5) -> float:
    """Share of 1s among the events with p at least the threshold; NaN if there is none."""
    y, p, w = _checked(labels, predictions, weights)
    return _mean(y, w * (p >= threshold))


def recall(labels, predictions, weights=None, users=None, threshold: float = 0.5) -> float:
    """Share of events with p at least the threshold among the 1s; NaN if there is none."""
    y, p, w = _checked(labels, predictions, weights)
    return _mean(p >= threshold, w * y)


def f1(labels, predictions, weights=None, users=None, threshold: float = 0.5) -> float:
    """`2 hits / (events with p at least the threshold + 1s)`; NaN if there is neither."""
    y, p, w = _checked(labels, predictions, weights)
    found = p >= threshold
    total = (w * y + w * found).sum()
    return float(2 * (w * (y & found)).sum() / total) if total else NAN


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    total = weights.sum()
    return float((values * weights).sum() / total) if total else NAN


def _checked(labels, predictions, weights=None, probabilities: bool = False):
    """Whether each label is 1, the predictions and the weights, `[n]` each."""
    labels, p = np.asarray(labels, float), np.asarray(predictions, float)
    odd = labels[(labels != 0) & (labels != 1)]
    if len(odd):
        raise InputError(
            f"A label is {odd[0]:g}, but evaluate.metrics has one of {', '.join(METRICS)}, which take 0 and 1: "
            "choose evaluate.metrics=[mae,rmse]."
        )
    odd = p[~np.isfinite(p)]
    if len(odd):
        raise InputError(f"A prediction is {odd[0]}: a model has diverged; lower optimizer.learning_rate.")
    odd = p[(p < 0) | (p > 1)]
    if probabilities and len(odd):
        raise InputError(
            f"A prediction is {odd[0]:g}, but log_loss, ne and ece take probabilities: limit the model to them "
            "(model.low=0 model.high=1), or leave these out of evaluate.metrics."
        )
    w = np.ones(len(p)) if weights is None else np.asarray(weights, float)
    require(bool((np.isfinite(w) & (w >= 0)).all()), "A weight of an event is below 0 or not finite: give 0 or more.")
    return labels == 1, p, w


METRICS: dict[str, Callable] = {
    "log_loss": log_loss,
    "auc": auc,
    "gauc": gauc,
    "ne": ne,
    "ece": ece,
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
}
