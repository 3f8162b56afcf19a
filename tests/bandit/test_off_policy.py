"""Estimates by hand, and what must hold for every log."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.bandit.off_policy import policy_value
from tfrec.errors import InputError


def test_four_rows_by_hand():
    # weights 1/0.5 = 2, 0.25/0.5 = 0.5, 0/0.5 = 0, 0.25/0.25 = 1; gains 2, 0, 0, 1
    value = policy_value([1, 0, 1, 1], [0.5, 0.5, 0.5, 0.25], [1, 0.25, 0, 0.25])
    assert value.ipw == 3 / 4 and value.snipw == pytest.approx(3 / 3.5)
    assert value.effective_sample_size == pytest.approx(3.5**2 / (4 + 0.25 + 1))
    assert (value.observed, value.rows) == (0.75, 4)
    # gains' variance (n - 1): (1.25^2 + 2 * 0.75^2 + 0.25^2) / 3 = 0.916667; 1.959964 * sqrt(that / 4) = 0.938269
    assert value.ipw_interval == pytest.approx((0.75 - 0.938269, 0.75 + 0.938269), abs=1e-5)
    # w^2 (r - 6/7)^2: 4/49 + 0.25 * 36/49 + 1/49 = 14/49; 1.959964 * sqrt(14/49) / 3.5 = 0.299328
    assert value.snipw_interval == pytest.approx((6 / 7 - 0.299328, 6 / 7 + 0.299328), abs=1e-5)


rows = st.lists(st.tuples(st.floats(0, 1), st.floats(0.05, 1)), min_size=2, max_size=30)


@settings(deadline=None)
@given(rows)
def test_the_logs_own_policy_earns_what_was_observed(log):
    reward, propensity = np.array(log).T
    value = policy_value(reward, propensity, propensity)
    assert value.ipw == pytest.approx(reward.mean()) == pytest.approx(value.snipw)
    assert value.effective_sample_size == pytest.approx(len(log))


@settings(deadline=None)
@given(rows, st.floats(-5, 5), st.floats(0.1, 1))
def test_self_normalised_ipw_moves_with_the_reward_and_stays_in_its_range(log, shift, scale):
    reward, propensity = np.array(log).T
    probability = propensity * scale
    probability[::2] /= 2
    value = policy_value(reward, propensity, probability)
    moved = policy_value(reward + shift, propensity, probability)
    assert moved.snipw == pytest.approx(value.snipw + shift)
    assert reward.min() - 1e-9 <= value.snipw <= reward.max() + 1e-9
    assert 1 - 1e-9 <= value.effective_sample_size <= len(log) + 1e-9


def test_a_95_percent_interval_holds_the_value_about_that_often():
    """Uniform log over 4 actions, the policy prefers action 0: true value 0.7 * 0.4 + 0.1 * (0.3 + 0.2 + 0.1)."""
    rng, rates, policy, held = np.random.default_rng(0), [0.4, 0.3, 0.2, 0.1], [0.7, 0.1, 0.1, 0.1], []
    for _ in range(400):
        action = rng.integers(0, 4, 500)
        reward = rng.random(500) < np.take(rates, action)
        value = policy_value(reward, np.full(500, 0.25), np.take(policy, action))
        held.append([low <= 0.34 <= high for low, high in (value.ipw_interval, value.snipw_interval)])
    # 95 % of 400 is 380, with a standard deviation of 4.4: within 4 of them
    assert (np.abs(np.sum(held, axis=0) - 380) <= 17).all()


@pytest.mark.parametrize(
    "reward, propensity, probability, message",
    [
        ([1, 0], [0.5], [0.5, 0.5], "reward, propensity and probability have shapes"),
        ([1], [0.5], [0.5], "for two rows or more"),
        ([1, np.nan], [0.5, 0.5], [0.5, 0.5], "A reward is NaN or infinite"),
        ([1, 0], [0.5, 0], [0.5, 0.5], r"Row \[1\]: the propensity must be above 0, up to 1 \(1 such rows\)"),
        ([1, 0], [0.5, np.nan], [0.5, 0.5], "the propensity must be above 0"),
        ([1, 0], [0.5, 0.5], [1.5, 0.5], r"Row \[0\]: the probability must be from 0 to 1"),
        ([1, 0], [0.5, 0.5], [0, 0], "The policy shows nothing that the log has"),
    ],
)
def test_what_makes_no_sense_is_said(reward, propensity, probability, message):
    with pytest.raises(InputError, match=message):
        policy_value(reward, propensity, probability)


def test_the_level_is_a_share():
    with pytest.raises(InputError, match="level is 95: choose between 0 and 1"):
        policy_value([1, 0], [0.5, 0.5], [0.5, 0.5], level=95)
