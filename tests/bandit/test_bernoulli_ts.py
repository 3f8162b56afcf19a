"""The distribution over what Thompson sampling shows, against integrals and against one simulation at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tfrec.bandit import bernoulli_ts
from tfrec.bandit.bernoulli_ts import action_distribution
from tfrec.errors import InputError


def test_two_actions_have_the_probability_of_the_integral():
    """P(theta_0 > theta_1) = integral of pdf_0(x) cdf_1(x); 100,000 draws are within 0.005, 3 standard errors."""
    wins, _ = integrate.quad(lambda x: stats.beta.pdf(x, 3, 7) * stats.beta.cdf(x, 2, 5), 0, 1)
    shown = action_distribution([3, 2], [7, 5], positions=2)
    np.testing.assert_allclose(shown, [[wins, 1 - wins], [1 - wins, wins]], atol=0.005)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(0, 5), st.integers(1, 40), st.integers(1, 7))
def test_chunks_draw_what_one_simulation_after_the_other_draws(actions, seed, simulations, chunk):
    """An independent loop with the same generator, one simulation a call."""
    alpha, beta, positions = np.arange(actions) + 1.0, np.arange(actions)[::-1] + 2.0, min(3, actions)
    random, counts = np.random.RandomState(seed), np.zeros([actions, positions])
    for _ in range(simulations):
        theta = random.beta(alpha, beta)
        for k in range(positions):
            counts[sorted(range(actions), key=lambda a: -theta[a])[k], k] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bernoulli_ts, "_CHUNK", chunk)
        shown = action_distribution(alpha, beta, positions, simulations, seed)
    np.testing.assert_array_equal(shown, counts / simulations)
    np.testing.assert_allclose(shown.sum(axis=0), 1)
    assert (shown.sum(axis=1) <= 1 + 1e-12).all()


@pytest.mark.parametrize(
    "alpha, beta, positions, simulations, message",
    [
        ([1, 2], [1], 1, 1, r"alpha has shape \(2,\) and beta \(1,\): give one number of each an action"),
        ([1, 0], [1, 1], 1, 1, "alpha and beta must be above 0"),
        ([1, np.nan], [1, 1], 1, 1, "alpha and beta must be above 0"),
        ([1, 1], [1, 1], 3, 1, "positions is 3: choose 1 to 2"),
        ([1, 1], [1, 1], 1, 0, "simulations is 0: choose 1 or more"),
    ],
)
def test_what_makes_no_sense_is_said(alpha, beta, positions, simulations, message):
    with pytest.raises(InputError, match=message):
        action_distribution(alpha, beta, positions, simulations)
