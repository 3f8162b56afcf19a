"""What another policy would have earned, from a log with propensities."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from tfrec.errors import require


@dataclass(frozen=True)
class PolicyValue:
    """Estimates of one policy's mean reward a shown item, and how far to trust them.

    Args:
        ipw, snipw: the estimates; intervals are (low, high).
        effective_sample_size: rows of a log of the policy's own that would tell as much.
        observed: mean reward of the log itself.
        rows: rows of the log.
    """

    ipw: float
    ipw_interval: tuple[float, float]
    snipw: float
    snipw_interval: tuple[float, float]
    effective_sample_size: float
    observed: float
    rows: int


def policy_value(
    reward: np.ndarray, propensity: np.ndarray, probability: np.ndarray, level: float = 0.95
) -> PolicyValue:
    """Value of a policy by importance weights `w_i = probability_i / propensity_i`.

    - IPW (Horvitz & Thompson 1952): `mean(w r)`, without bias if the log shows all that the policy would show;
    - self-normalised IPW (Swaminathan & Joachims, NeurIPS 2015): `sum(w r) / sum(w)`, a little bias, less variance;
    - effective sample size (Kish 1965): `sum(w)^2 / sum(w^2)`.

    Intervals are normal: standard errors `std(w r) / sqrt(n)` and, by the delta method,
    `sqrt(sum(w^2 (r - snipw)^2)) / sum(w)`. They take rows as independent, and are rough where few rows have a reward.

    Args:
        reward: `[n]`.
        propensity: probability, in (0, 1], with which the log's policy showed this item there, `[n]`.
        probability: the same of the policy to be valued, in [0, 1], `[n]`.
        level: how often an interval should hold the value.

    Raises:
        InputError: arrays of different shapes, fewer than two rows, probabilities out of range, a reward that is not
            finite, or a policy that shows nothing that the log has.
    """
    reward, propensity, probability = (np.asarray(values, float) for values in (reward, propensity, probability))
    _check(reward, propensity, probability, level)
    n, weight = len(reward), probability / propensity
    total = weight.sum()
    require(total > 0, "The policy shows nothing that the log has: its value cannot be estimated from this log.")
    gains = weight * reward
    ipw, snipw = gains.mean(), gains.sum() / total
    width = stats.norm.ppf((1 + level) / 2)
    error = width * gains.std(ddof=1) / np.sqrt(n)
    snipw_error = width * np.sqrt((weight**2 * (reward - snipw) ** 2).sum()) / total
    return PolicyValue(
        ipw=float(ipw),
        ipw_interval=(float(ipw - error), float(ipw + error)),
        snipw=float(snipw),
        snipw_interval=(float(snipw - snipw_error), float(snipw + snipw_error)),
        effective_sample_size=float(total**2 / (weight**2).sum()),
        observed=float(reward.mean()),
        rows=n,
    )


def _check(reward: np.ndarray, propensity: np.ndarray, probability: np.ndarray, level: float) -> None:
    shapes = [values.shape for values in (reward, propensity, probability)]
    require(
        len(set(shapes)) == 1 and len(shapes[0]) == 1 and shapes[0][0] > 1,
        f"reward, propensity and probability have shapes {shapes}: give one of each a row, for two rows or more.",
    )
    require(bool(np.isfinite(reward).all()), "A reward is NaN or infinite: fill it in or remove the row.")
    bad = np.flatnonzero(~((propensity > 0) & (propensity <= 1)))
    require(not len(bad), f"Row {bad[:1]}: the propensity must be above 0, up to 1 ({len(bad)} such rows).")
    bad = np.flatnonzero(~((probability >= 0) & (probability <= 1)))
    require(not len(bad), f"Row {bad[:1]}: the probability must be from 0 to 1 ({len(bad)} such rows).")
    require(0 < level < 1, f"level is {level}: choose between 0 and 1.")
