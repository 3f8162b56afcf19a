"""Paired tests and effect sizes of two methods on the same requests, and the table of many against one.

All differences are method minus reference; p-values are two-sided; a test that cannot be made is NaN.
"""

import numpy as np
import pandas as pd
from scipy import stats

from tfrec.metrics.bootstrap import bootstrap_means, interval, means_by

COLUMNS = ["seeds", "mean", "low", "high", "difference", "difference_low", "difference_high", "p_users", "d_z"]
COLUMNS += ["p_periods", "p_holm", "rank_biserial", "p_seeds", "best", "like_best"]
ROUNDING = 1e-11  # differences that are closer are equal

Seeds = dict[int, np.ndarray]  # results of one method by seed, `[n]` each, on the same rows


def paired_t(a: np.ndarray, b: np.ndarray) -> float:
    """p of the paired t test that the mean of `a - b` is 0; NaN below two pairs.

    Where all differences are equal there is no spread to compare with: 1 if they are 0, else 0.
    """
    difference = _differences(a, b)
    if len(difference) < 2:
        return np.nan
    if np.ptp(difference) < ROUNDING:
        return float(abs(difference[0]) < ROUNDING)
    return float(stats.ttest_1samp(difference, 0).pvalue)


def cohen_dz(a: np.ndarray, b: np.ndarray) -> float:
    """Cohen's `d_z = mean(a - b) / sd(a - b)`, sd with n - 1 (Cohen, Statistical Power Analysis, 1988, section 2.3.5).

    0 where all differences are 0, infinite where they are all equal but not 0, NaN below two pairs.
    """
    difference = _differences(a, b)
    if len(difference) < 2:
        return np.nan
    if np.ptp(difference) < ROUNDING:
        return 0.0 if abs(difference[0]) < ROUNDING else float(np.copysign(np.inf, difference[0]))
    return float(np.mean(difference) / np.std(difference, ddof=1))


def signed_rank(a: np.ndarray, b: np.ndarray) -> float:
    """p of Wilcoxon's signed-rank test of `a - b` (Wilcoxon, Biometrics Bulletin 1, 1945); 1 where all are equal.

    Exact for up to 50 pairs without ties. Pairs that do not differ are left out. With n pairs that differ p is never
    below `2^(1 - n)`: 0.06 for 5, 0.03 for 6. So with fewer than six periods nothing can come out significant.
    """
    if not len(a):
        return np.nan
    difference = _differences(a, b)
    difference = difference[difference != 0]
    return float(stats.wilcoxon(difference).pvalue) if len(difference) else 1.0


def rank_biserial(a: np.ndarray, b: np.ndarray) -> float:
    """Matched-pairs rank-biserial correlation `(R+ - R-) / (R+ + R-)` (Kerby, Comprehensive Psychology 3, 2014).

    R+ and R- are the sums of the ranks of `|a - b|` over positive and negative differences; pairs that do not differ
    are left out. 1 where a is always above b, 0 where nothing differs.
    """
    difference = _differences(a, b)
    difference = difference[difference != 0]
    if not len(difference):
        return 0.0 if len(a) else np.nan
    ranks = stats.rankdata(np.abs(difference))
    return float(ranks @ np.sign(difference) / ranks.sum())


def seeds_t(a: dict[int, float], b: dict[int, float]) -> float:
    """p of the paired t test over the means of the seeds that both have; 1 where they are the same with every seed.

    NaN below two such seeds, and where neither method depends on the seed: two methods that count have no spread
    that a test could use.

    Args:
        a, b: mean by seed.
    """
    shared = sorted(a.keys() & b.keys())
    first, second = (np.array([means[seed] for seed in shared]) for means in (a, b))
    differ = len(shared) > 1 and bool((first != second).any())
    if differ and np.ptp(first) == 0 and np.ptp(second) == 0:
        return np.nan
    return paired_t(first, second)


def holm(p: np.ndarray) -> np.ndarray:
    """p-values corrected for their number by Holm (Scandinavian Journal of Statistics 6, 1979); NaN stays NaN."""
    from statsmodels.stats.multitest import multipletests  # takes a second to import

    p = np.asarray(p, float)
    tested = np.isfinite(p)
    corrected = np.full(len(p), np.nan)
    if tested.any():
        corrected[tested] = multipletests(p[tested], method="holm")[1]
    return corrected


def against(
    methods: dict[str, Seeds],
    reference: str,
    rows: pd.DataFrame,
    smaller_is_better: bool = False,
    draws: int = 10_000,
) -> pd.DataFrame:
    """Compares methods with a reference by one metric: one row a method, in their order.

    Columns: `seeds`; `mean`, `low`, `high` (95 %, block bootstrap over users, see `bootstrap_means`); `difference`,
    `difference_low`, `difference_high`; `p_users` (paired t over the users' means) with the effect size `d_z`;
    `p_periods` (Wilcoxon over the periods' means) with `rank_biserial`; `p_holm` (`p_periods` corrected for the
    number of methods that are compared with the reference; the other tests are not corrected); `p_seeds` (paired t
    over the seeds' means); `best` and `like_best`, where the interval of the difference to the best contains 0.

    Users, periods and intervals use the mean over a method's seeds. With a single user there are no intervals and no
    test over users (NaN). The reference's own row has no tests.

    Args:
        methods: by name, without NaN. rows: `user`, `period` (numbers from 0 without gaps) and `weight`, `[n]` each.
    """
    user, period, weight = (rows[name].to_numpy() for name in ("user", "period", "weight"))
    values = np.stack([np.mean(list(seeds.values()), axis=0, dtype=float) for seeds in methods.values()], axis=1)
    means = np.average(values, axis=0, weights=weight)
    drawn = bootstrap_means(user, weight, values, draws)
    over_users, over_periods = means_by(user, weight, values), means_by(period, weight, values)
    of_seeds = [{s: float(np.average(v, weights=weight)) for s, v in seeds.items()} for seeds in methods.values()]
    at, best = list(methods).index(reference), int(np.argmin(means) if smaller_is_better else np.argmax(means))
    table = []
    for i, seeds in enumerate(methods.values()):
        low, high = interval(drawn[i])
        row = {"seeds": len(seeds), "mean": means[i], "low": low, "high": high, "difference": means[i] - means[at]}
        row["difference_low"], row["difference_high"] = interval(drawn[i] - drawn[at])
        if i != at:
            users, periods = ((group[:, i], group[:, at]) for group in (over_users, over_periods))
            row |= {"p_users": paired_t(*users), "d_z": cohen_dz(*users)}
            row |= {"p_periods": signed_rank(*periods), "rank_biserial": rank_biserial(*periods)}
            row["p_seeds"] = seeds_t(of_seeds[i], of_seeds[at])
        below, above = interval(drawn[i] - drawn[best])
        table.append(row | {"best": i == best, "like_best": i != best and below <= 0 <= above})
    table = pd.DataFrame(table, index=pd.Index(methods, name="method"), columns=COLUMNS)
    return table.assign(p_holm=holm(table["p_periods"]))


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`a - b`, rounded so that differences that are equal but for the arithmetic are ties, and no spread."""
    return np.round(np.subtract(a, b, dtype=float), 12)
