"""Metrics of the period matrix `a[i, j]`: the score of the weights after learning period i, on period j.

A matrix is a `pandas.DataFrame`: its index `learned` holds i, the last period that the weights have learned, and its
columns `scored` hold j, the period of the inputs, catalogue and targets, both whole numbers in any order. So weights
after the base of b periods are the row b - 1, a model that has learned all before j is `a[j-1, j]`, and one that has
learned j too is `a[j, j]`. NaN is what was not measured. From `matrix.csv`:
`table.pivot(index="learned", columns="scored", values="all/ndcg@10")` of the rows of one scorer.

T is the last row. Every mean over j is plain (a period counts once, whatever its size) and over those periods j where
all cells that its formula names were measured; NaN if there is none. Higher scores are better.
"""

import numpy as np
import pandas as pd

from tfrec.errors import require


def learning_accuracy(a: pd.DataFrame) -> float:
    """`LA = mean over j of a[j, j]`: how well each period is known just after it was learned."""
    return _mean(_diagonal(a))


def retained_accuracy(a: pd.DataFrame) -> float:
    """`RA = mean over j <= T of a[T, j]`: how well the last weights know all periods up to their own."""
    return _mean(_last(a))


def h_mean(a: pd.DataFrame) -> float:
    """`H = 2 LA RA / (LA + RA)`, the harmonic mean; 0 if both are 0."""
    la, ra = learning_accuracy(a), retained_accuracy(a)
    return 0.0 if la == ra == 0 else 2 * la * ra / (la + ra)


def forgetting(a: pd.DataFrame) -> float:
    """`F = mean over j < T of (max over i < T of a[i, j] - a[T, j])` (Chaudhry et al., ECCV 2018).

    The best over all earlier weights that were measured on j, those that had not learned it yet included; below 0 if
    the last are better still.
    """
    last = a.index.max()
    return _mean(a.drop(index=last).max() - _last(a).drop(last, errors="ignore"))


def forgetting_from_first(a: pd.DataFrame) -> float:
    """`mean over j < T of (a[j, j] - a[T, j])`: first minus last, what was lost since j was learned; it is `-BWT`."""
    return -backward_transfer(a)


def backward_transfer(a: pd.DataFrame) -> float:
    """`BWT = mean over j < T of (a[T, j] - a[j, j])` (Lopez-Paz & Ranzato, NeurIPS 2017)."""
    return _mean((_last(a) - _diagonal(a)).drop(a.index.max(), errors="ignore"))


def forward_transfer(a: pd.DataFrame, reference: pd.Series) -> float:
    """`FWT = mean over j of (a[j-1, j] - b[j])`: what is known of a period before it, beyond a reference.

    Args:
        reference: b by period: the score of a scorer that learns nothing, such as popularity at j.
    """
    return _mean(_ages(a, 0)[0] - reference)


def staleness(a: pd.DataFrame, longest: int | None = None) -> pd.Series:
    """The staleness curve `S(d) = mean over j of a[j-1-d, j]`, by d = 0..longest.

    d is the number of periods between the last that the weights have learned and j: 0 is the freshest model that may
    be scored on j. All d have the same periods j, those with all of `a[j-1, j] .. a[j-1-longest, j]`, so that the
    curve compares models and not periods; NaN throughout if there is none.

    Args:
        longest: largest d; None is half the number of periods with an `a[j-1, j]`, rounded down, which leaves the
            other half to average over where every period has its row.

    Raises:
        InputError: `longest` is below 0.
    """
    longest = _by_age(a, 0).count() // 2 if longest is None else longest
    require(longest >= 0, f"The staleness curve is asked for up to {longest} periods: choose 0 or more.")
    curve = _ages(a, longest).dropna().mean()
    return curve.rename_axis("age").rename("score")


def regret(full: pd.Series, this: pd.Series) -> float:
    """`mean over j of (full[j] - this[j])`, scores by period: what full retraining would have gained."""
    return _mean(full - this)


def gap_closed(this: float, fine_tuning: float, full: float) -> float:
    """`(this - fine_tuning) / (full - fine_tuning)`: share of what full retraining gains that this keeps.

    1 is as good as full retraining, above 1 better, below 0 worse than fine-tuning. NaN if the gap is not positive:
    where full retraining gains nothing there is nothing to close.
    """
    gap = full - fine_tuning
    return float((this - fine_tuning) / gap) if gap > 0 else float("nan")


def _mean(values: pd.Series) -> float:
    return float(values.mean())


def _diagonal(a: pd.DataFrame) -> pd.Series:
    """`a[j, j]` by j."""
    return _by_age(a, -1)


def _last(a: pd.DataFrame) -> pd.Series:
    """`a[T, j]` by j <= T."""
    last = a.index.max()
    return a.loc[last, a.columns <= last]


def _ages(a: pd.DataFrame, longest: int) -> pd.DataFrame:
    """`a[j-1-d, j]`, one row a j and one column a d = 0..longest."""
    return pd.DataFrame({age: _by_age(a, age) for age in range(longest + 1)})


def _by_age(a: pd.DataFrame, age: int) -> pd.Series:
    """`a[j-1-age, j]` by j, NaN without such a row."""
    rows = a.reindex(a.columns - 1 - age).to_numpy(float)
    return pd.Series(np.diagonal(rows), a.columns)
