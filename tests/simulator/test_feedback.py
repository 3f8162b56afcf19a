"""Clicks, purchases, errors and delays follow the stated probabilities."""

import numpy as np
import pandas as pd
import pytest

from tests.simulator.worlds import make_world
from tfrec.errors import InputError
from tfrec.simulator.feedback import Effects, Feedback

NOTHING = Effects(bias=0.0, taste=0.0, relevance=0.0, appeal=0.0, season=0.0, price=0.0, promotion=0.0)
N = 40_000


def answers(pctr, pcvr, slate=4, **knobs):
    feedback = Feedback(NOTHING, NOTHING, **knobs)
    shape = (N, slate)
    return feedback.answers(np.full(shape, pctr), np.full(shape, pcvr), np.random.default_rng(0))


def near(mean, expected, n):
    return abs(mean - expected) < 5 * np.sqrt(expected * (1 - expected) / n)


def test_a_logit_is_the_weighted_sum():
    """-2 + 0.5 * 2 + 1.5 * 1 + 0.25 * 4 + 3 * 0.1 - 1 * 0.2 + 0.7 * 1 = 2.3; sigmoid(2.3) = 1 / (1 + e ** -2.3)."""
    effects = Effects(bias=-2, taste=0.5, relevance=1.5, appeal=0.25, season=3, price=-1, promotion=0.7)
    items = effects.items(np.array([4.0]), np.array([0.1]), np.array([0.2]), np.array([True]))
    assert effects.probability(items, 2.0, 1.0)[0] == pytest.approx(1 / (1 + np.exp(-2.3)))


def test_a_click_needs_a_look_and_a_purchase_needs_a_click():
    """eta 1, pCTR 0.4, pCVR 0.3: position p is clicked with 0.4 / p; a click is a purchase with 0.3."""
    click, purchase = answers(0.4, 0.3)
    for p in range(4):
        assert near(click[:, p].mean(), 0.4 / (p + 1), N)
    assert near(purchase[click == 1].mean(), 0.3, click.sum()) and not purchase[click == 0].any()


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.3])
def test_the_exponent_of_the_position_bias_is_recovered_by_regression(eta):
    """log P(click at p) = log pCTR - eta * log p, over 10 positions with 40,000 draws each."""
    click, _ = answers(0.5, 0.5, slate=10, eta=eta)
    slope, level = np.polyfit(np.log(np.arange(1, 11)), np.log(click.mean(0)), 1)
    assert slope == pytest.approx(-eta, abs=0.05)
    assert np.exp(level) == pytest.approx(0.5, abs=0.03)


def test_noise_flips_the_stated_share_of_labels():
    """P(recorded click) = 0.4 * 0.9 + 0.6 * 0.1 = 0.42; the other draws stay, so the flips are seen."""
    clean, noisy = answers(0.4, 0.3, eta=0.0), answers(0.4, 0.3, eta=0.0, click_noise=0.1, purchase_noise=0.02)
    assert near(noisy[0].mean(), 0.42, 4 * N)
    assert near((clean[0] != noisy[0]).mean(), 0.1, 4 * N)
    assert near((clean[1] != noisy[1]).mean(), 0.02, 4 * N)


def known(click, purchase, **knobs):
    feedback, n = Feedback(NOTHING, NOTHING, **knobs), N
    time = np.full(n, np.datetime64("2024-01-01", "ns"))
    waited = feedback.known(time, np.full(n, click), np.full(n, purchase), np.random.default_rng(0)) - time
    return waited / np.timedelta64(1, "s")


def test_purchases_arrive_after_a_delay_that_is_exponential():
    """Mean 1 day, with a window so long that it does not matter; P(delay > 1 day) = 1 / e."""
    waited = known(1, 1, delay="1D", window="90D")
    assert abs(waited.mean() / 86_400 - 1) < 5 / np.sqrt(N)
    assert near((waited > 86_400).mean(), np.exp(-1), N)


def test_the_window_cuts_the_delay_off():
    """P(delay <= 1 day | delay <= 2 days) = (1 - e ** -1) / (1 - e ** -2) with mean 1 day."""
    waited = known(1, 1, delay="1D", window="2D")
    assert waited.max() <= 2 * 86_400 and waited.min() >= 0
    assert near((waited <= 86_400).mean(), (1 - np.exp(-1)) / (1 - np.exp(-2)), N)


def test_a_click_without_purchase_is_known_when_the_window_has_passed_and_no_click_at_once():
    assert (known(1, 0, delay="1D", window="2D") == 2 * 86_400).all()
    assert (known(0, 0, delay="1D", window="2D") == 0).all()
    assert (known(1, 1) == 0).all() and (known(1, 0) == 0).all()


def test_probabilities_of_a_world_are_the_stated_formula(folder):
    """Against a loop over requests, items and terms, with promotions, a season and queries."""
    world = make_world(folder, prices__promotion_share=0.3)
    t, requests, items, market = 5, world.requests(5), world.items, world.markets[5]
    pctr, pcvr = world.probabilities(t, requests)
    relevance, taste = world.relevance(t, requests.asked, requests.wanted), world.taste(t)
    year = (world.begins(t) - pd.Timestamp("2024-01-01")).days / 365.25
    for n in range(0, len(requests), 17):
        for i in range(0, len(items), 13):
            season = np.cos(2 * np.pi * (year - world._phase[items.codes["department"][i]]))
            terms = {
                "bias": 1,
                "taste": np.sqrt(16) * taste[requests.user[n]] @ items.vectors[i],
                "relevance": 2 * relevance[n, i] - 1 if requests.query[n] else 0,
                "appeal": items.appeal[i],
                "season": season,
                "price": np.log(market.price[i] / world.markets.level[i]),
                "promotion": market.promotion[i],
            }
            for effects, given in ((world.feedback.click, pctr), (world.feedback.purchase, pcvr)):
                logit = sum(getattr(effects, name) * value for name, value in terms.items())
                assert given[n, i] == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-5)
    rows = np.tile([4, 9, 2], (len(requests), 1))
    np.testing.assert_allclose(world.probabilities(t, requests, rows)[0], pctr[:, [4, 9, 2]], rtol=1e-6)


@pytest.mark.parametrize(
    "knobs, message",
    [
        ({"eta": -1}, "feedback.eta is -1"),
        ({"click_noise": 2}, "feedback.click_noise is 2"),
        ({"delay": "soon"}, "feedback.delay is 'soon'"),
        ({"delay": 3}, "feedback.delay is '3'"),
        ({"window": "0D"}, "feedback.window is '0D'"),
    ],
)
def test_a_knob_outside_of_its_range_is_named(knobs, message):
    with pytest.raises(InputError, match=message):
        Feedback(NOTHING, NOTHING, **knobs)
