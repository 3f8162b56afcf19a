"""Paired tests, effect sizes, and the table of many methods against one."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tfrec.metrics.significance import against, cohen_dz, holm, paired_t, rank_biserial, seeds_t, signed_rank

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 30))
SAME = RNG.normal(size=8)


def test_paired_t_by_hand():
    """Differences 1, 2, 3, 4: mean 2.5, sd sqrt(5 / 3), t = 2.5 / (sd / 2) = 3.873 with 3 degrees of freedom."""
    a, b = np.array([2.0, 4, 6, 8]), np.array([1.0, 2, 3, 4])
    t = 2.5 / ((5 / 3) ** 0.5 / 2)
    assert paired_t(a, b) == pytest.approx(2 * stats.t.sf(t, 3))
    assert cohen_dz(a, b) == pytest.approx(2.5 / (5 / 3) ** 0.5)
    assert paired_t(A, B) == pytest.approx(stats.ttest_rel(A, B).pvalue)


def test_signed_rank_by_hand():
    """Differences 1, 2, 3, -4, 5, 0: R+ = 1 + 2 + 3 + 5 = 11, R- = 4 of the five that differ.

    Of the 32 sets of ranks 1..5 those with a sum up to 4 are {}, 1, 2, 3, 4, 12, 13: 7, so p = 2 * 7 / 32.
    """
    b = np.arange(6.0)
    a = b + np.array([1, 2, 3, -4, 5, 0])
    assert signed_rank(a, b) == pytest.approx(14 / 32)
    assert rank_biserial(a, b) == pytest.approx((11 - 4) / 15)
    assert rank_biserial(b, a) == pytest.approx(-7 / 15)
    assert signed_rank(A, B) == pytest.approx(stats.wilcoxon(A, B).pvalue)


def test_equal_ranks_are_shared_even_if_arithmetic_differs():
    """0.3 - 0.2 and 0.2 - 0.1 are not the same number; as differences they are: ranks 1.5, 1.5 and 3."""
    a, b = np.array([0.3, 0.2, 0.1]), np.array([0.2, 0.1, 0.9])
    assert rank_biserial(a, b) == pytest.approx((1.5 + 1.5 - 3) / 6)
    assert signed_rank(np.array([0.3, 0.2]), np.array([0.2, 0.1])) == 0.5


@pytest.mark.parametrize("n", range(1, 9))
def test_the_smallest_p_of_few_periods(n):
    assert signed_rank(np.arange(1.0, n + 1), np.zeros(n)) == pytest.approx(min(1, 2.0 ** (1 - n)))


@pytest.mark.parametrize("test, effect", [(paired_t, cohen_dz), (signed_rank, rank_biserial)])
def test_identical_results_do_not_differ(test, effect):
    assert test(SAME, SAME) == 1 and effect(SAME, SAME) == 0


def test_a_constant_difference_has_no_spread():
    """Up to rounding: SAME + 0.1 - SAME is not 0.1 everywhere."""
    assert paired_t(SAME + 0.1, SAME) == 0 and cohen_dz(SAME + 0.1, SAME) == np.inf
    assert cohen_dz(SAME - 0.1, SAME) == -np.inf and rank_biserial(SAME + 0.1, SAME) == 1


def test_too_little_to_test():
    one, none = np.array([1.0]), np.zeros(0)
    assert np.isnan([paired_t(one, 2 * one), cohen_dz(one, 2 * one), signed_rank(none, none)]).all()
    assert np.isnan(rank_biserial(none, none)) and signed_rank(one, 2 * one) == 1


def test_seeds_are_paired_by_number():
    """Shared 1, 2, 3: differences 1, 2, 3 with t = 2 / (1 / sqrt(3)), 2 degrees of freedom."""
    a, b = {1: 3.0, 3: 7.0, 2: 5.0, 9: 100.0}, {0: 50.0, 1: 2.0, 2: 3.0, 3: 4.0}
    assert seeds_t(a, b) == pytest.approx(2 * stats.t.sf(2 * 3**0.5, 2))


def test_seeds_that_cannot_be_tested():
    assert np.isnan(seeds_t({0: 1.0}, {0: 2.0})) and np.isnan(seeds_t({0: 1.0, 1: 2.0}, {1: 2.0, 2: 1.0}))
    assert np.isnan(seeds_t({0: 1.0, 1: 1.0}, {0: 2.0, 1: 2.0}))  # two methods that count
    assert seeds_t({0: 1.0, 1: 3.0}, {0: 1.0, 1: 3.0}) == 1


def test_holm_by_hand():
    """Sorted .01, .02, .04 times 3, 2, 1: .03, .04, .04; a missing one is in no family."""
    np.testing.assert_allclose(holm([0.04, np.nan, 0.01, 0.02]), [0.04, np.nan, 0.03, 0.04])
    np.testing.assert_allclose(holm([0.03]), [0.03])
    assert np.isnan(holm([np.nan])).all()


@pytest.mark.parametrize("test, n", [(paired_t, 40), (signed_rank, 26)])
def test_p_is_uniform_where_nothing_differs(test, n):
    """Of 600 comparisons of noise the share below each level is within four standard errors of it."""
    rng = np.random.default_rng(7)
    p = np.array([test(rng.normal(size=n), rng.normal(size=n)) for _ in range(600)])
    for level in (0.05, 0.25, 0.5, 0.75):
        assert abs((p < level).mean() - level) < 4 * (level * (1 - level) / 600) ** 0.5


def table(methods, reference, users=30, periods=8, **options):
    user, period = np.divmod(np.arange(users * periods), periods)
    rows = pd.DataFrame({"user": user, "period": period, "weight": 1.0 + user % 3})
    return rows, against(methods, reference, rows, draws=500, **options)


def made(shift, seeds=(0, 1, 2), users=30, periods=8, seed=0):
    rng = np.random.default_rng(seed)
    common = np.random.default_rng(99).normal(size=users * periods)
    return {s: common + shift + 0.1 * rng.normal() + 0.2 * rng.normal(size=users * periods) for s in seeds}


def test_the_table_has_what_its_parts_say():
    methods = {"a": made(0.0), "b": made(0.1, seed=1), "c": made(0.5, seeds=(1, 2, 5), seed=2)}
    rows, found = table(methods, "a")
    weight = rows["weight"].to_numpy()
    means = {name: np.mean(list(seeds.values()), axis=0) for name, seeds in methods.items()}
    for name in ("b", "c"):
        row, difference = found.loc[name], means[name] - means["a"]
        assert row["mean"] == pytest.approx((weight * means[name]).sum() / weight.sum())
        assert row["difference"] == pytest.approx((weight * difference).sum() / weight.sum())
        of_users = difference.reshape(30, 8).mean(axis=1)  # a user's weights are all the same
        assert row["p_users"] == pytest.approx(stats.ttest_1samp(of_users, 0).pvalue)
        assert row["d_z"] == pytest.approx(of_users.mean() / of_users.std(ddof=1))
        of_periods = (weight * difference).reshape(30, 8).sum(axis=0) / weight.reshape(30, 8).sum(axis=0)
        assert row["p_periods"] == pytest.approx(stats.wilcoxon(of_periods).pvalue)
        assert row["difference_low"] < row["difference"] < row["difference_high"]
        assert row["low"] < row["mean"] < row["high"]
        # Users' own level is in both methods: it is in the interval of a mean and not in that of a difference.
        assert row["difference_high"] - row["difference_low"] < (row["high"] - row["low"]) / 2
    np.testing.assert_allclose(found["p_holm"][1:], holm(found["p_periods"][1:]))
    shared = [np.average(methods[name][s], weights=weight) for s in (1, 2) for name in ("c", "a")]
    assert found.loc["c", "p_seeds"] == pytest.approx(stats.ttest_rel(shared[::2], shared[1::2]).pvalue)
    tests = ["p_users", "d_z", "p_periods", "p_holm", "rank_biserial", "p_seeds"]
    assert found.loc["a", tests].isna().all() and found.loc["a", "difference"] == 0
    assert found["best"].tolist() == [False, False, True] and found["seeds"].tolist() == [3, 3, 3]


def test_the_best_and_what_is_not_different_from_it():
    """One is below the best by 0.001 for every user; another only in the mean, users differ by up to 0.3."""
    best = made(1.0)[0]
    of_user = np.linspace(-0.3, 0.3, 30)
    weight = 1.0 + np.arange(30) % 3
    uneven = np.repeat(of_user - np.average(of_user, weights=weight) - 0.001, 8)
    methods = {"low": {0: best - 1}, "below": {0: best - 0.001}, "uneven": {0: best + uneven}, "best": {0: best}}
    _, found = table(methods, "low")
    assert found["best"].tolist() == [False, False, False, True]
    assert found["like_best"].tolist() == [False, False, True, False]
    _, found = table(methods, "best", smaller_is_better=True)
    assert found["best"].tolist() == [True, False, False, False] and not found["like_best"].any()


def test_identical_methods_in_the_table():
    seeds = made(0.0)
    _, found = table({"a": seeds, "copy": dict(seeds)}, "a")
    row = found.loc["copy"]
    assert row[["difference", "difference_low", "difference_high", "d_z", "rank_biserial"]].tolist() == [0] * 5
    assert row[["p_users", "p_periods", "p_holm", "p_seeds"]].tolist() == [1] * 4
    assert found.loc["a", "best"] and row["like_best"]


def test_one_user_and_one_seed_leave_tests_out():
    methods = {"a": made(0.0, seeds=(0,), users=1), "b": made(1.0, seeds=(0,), users=1, seed=1)}
    _, found = table(methods, "a", users=1)
    row = found.loc["b"]
    assert row[["low", "high", "difference_low", "difference_high", "p_users", "d_z", "p_seeds"]].isna().all()
    assert row["p_periods"] == pytest.approx(2 / 2**8) and row["rank_biserial"] == 1
