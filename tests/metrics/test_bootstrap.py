"""Intervals by block bootstrap over users."""

import numpy as np
import pytest
from scipy import stats

from tfrec.metrics.bootstrap import bootstrap_interval, bootstrap_means, interval, means_by


def correlated(rng, users, periods, share=0.7):
    """Results 0 in expectation, variance 1, `[users * periods]`; `share` of the variance is the user's own."""
    own = rng.normal(size=(users, 1)) * share**0.5
    return (own + rng.normal(size=(users, periods)) * (1 - share) ** 0.5).ravel()


def test_scipy_says_the_same():
    """scipy's paired bootstrap of sum(d) / sum(w) over users, from the same generator: the same draws."""
    rng = np.random.default_rng(1)
    user, weight = rng.integers(0, 40, 300), rng.integers(1, 6, 300).astype(float)
    a, b = rng.normal(size=(2, 300))
    total, count = (np.bincount(user, weights=column) for column in (weight * (a - b), weight))
    scipy = stats.bootstrap(
        (total, count),
        lambda d, w, axis: d.sum(axis) / w.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=999,
        method="percentile",
        rng=np.random.default_rng(5),
    ).confidence_interval
    found = bootstrap_interval(user, weight, a, b, draws=999, seed=5)
    assert (found.low, found.high) == pytest.approx((scipy.low, scipy.high))
    assert found.mean == pytest.approx((weight * (a - b)).sum() / weight.sum())


def test_two_users_by_hand():
    """User 0 has 4 results of 1, user 1 one of 0: draws are 1, 0 or 4 / 5, with chances 1/4, 1/4, 1/2."""
    user, values = np.array([7, 7, 9, 7, 7]), np.array([1.0, 1, 0, 1, 1])
    drawn = bootstrap_means((user == 9).astype(int), np.ones(5), values[:, None], draws=4000)[0]
    found, share = np.unique(drawn, return_counts=True)
    assert found.tolist() == [0, 0.8, 1]
    np.testing.assert_allclose(share / 4000, [0.25, 0.5, 0.25], atol=0.03)
    assert bootstrap_interval(user, np.ones(5), values).mean == 0.8


def test_rows_of_equal_users_in_any_order_and_of_any_kind():
    rng = np.random.default_rng(2)
    user, a = rng.integers(0, 20, 100), rng.normal(size=100)
    order = rng.permutation(100)
    names = np.array([f"user {u:03d}" for u in user], object)
    expected = bootstrap_interval(user, np.ones(100), a, draws=200)
    again = bootstrap_interval(names[order], np.ones(100), a[order], draws=200)
    assert (again.low, again.high) == pytest.approx((expected.low, expected.high))


def test_a_weight_is_that_many_rows():
    user, values, weight = np.array([0, 0, 1, 2]), np.array([0.1, 0.4, 0.2, 0.9]), np.array([3, 1, 2, 4])
    one = bootstrap_interval(user, weight, values, draws=300)
    rows = np.repeat(np.arange(4), weight)
    other = bootstrap_interval(user[rows], np.ones(10), values[rows], draws=300)
    assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high))


def test_methods_see_the_same_draws():
    """b is a plus 1: the difference of their draws is 1 in each, though both vary."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=60)
    drawn = bootstrap_means(np.repeat(np.arange(20), 3), np.ones(60), np.stack([a, a + 1], axis=1), draws=100)
    np.testing.assert_allclose(drawn[1] - drawn[0], 1)
    assert drawn[0].std() > 0.05


def test_identical_results_differ_by_nothing_for_sure():
    values = np.random.default_rng(4).normal(size=50)
    found = bootstrap_interval(np.arange(50), np.ones(50), values, values, draws=100)
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_a_single_user_has_a_mean_and_no_interval():
    found = bootstrap_interval(np.zeros(3), np.ones(3), np.array([1.0, 2, 6]))
    assert found.mean == 3 and np.isnan([found.low, found.high]).all()


def test_means_of_groups():
    """Group 0: (1 * 2 + 3 * 4) / 4 = 3.5; group 1: 5."""
    means = means_by(np.array([0, 1, 0]), np.array([1.0, 2, 3]), np.array([[2.0], [5], [4]]))
    assert means.ravel().tolist() == [3.5, 5]


def test_the_interval_covers_the_truth_and_one_over_rows_does_not():
    """60 users of 20 periods, 70 % of the variance theirs: variance of the mean (0.7 + 0.3 / 20) / 60 = 0.0119.

    A bootstrap over rows takes it for 1 / 1200, its interval is 1.96 * 0.029 = 0.057 wide to each side, while the
    mean has a standard deviation of 0.109: it covers 0 in 2 Phi(0.52) - 1 = 40 % of the simulations. Of 300
    simulations the share that is covered has a standard error of 1.3 % around 95 %, and 2.8 % around 40 %.
    """
    rng = np.random.default_rng(0)
    covered = np.zeros(2)
    for _ in range(300):
        values = correlated(rng, 60, 20)
        for kind, user in enumerate((np.repeat(np.arange(60), 20), np.arange(1200))):
            found = bootstrap_interval(user, np.ones(1200), values, draws=300, seed=int(rng.integers(2**31)))
            covered[kind] += found.low <= 0 <= found.high
    block, rows = covered / 300
    assert 0.90 < block < 0.99
    assert 0.28 < rows < 0.52


def test_quantiles_of_draws():
    assert interval(np.arange(101.0)) == pytest.approx((2.5, 97.5))
    assert interval(np.arange(101.0), level=0.5) == (25, 75)
