"""Tastes change exactly where they are said to."""

import numpy as np
import pytest

from tfrec.errors import InputError
from tfrec.simulator.tastes import Abrupt, Gradual, Recurring, Steady, Tastes

TASTES = Tastes(users=40, dim=4, seed=3)
PERIODS = 24


@pytest.mark.parametrize(
    "drift, points",
    [
        (Steady(), []),
        (Abrupt(at=[5, 9], share=0.5), [5, 9]),
        (Gradual(start=4, end=7, share=0.25), [4, 5, 6, 7]),
        (Recurring(every=6, share=1.0), [6, 12, 18]),
    ],
)
def test_change_points_are_where_true_tastes_differ_from_the_period_before(drift, points):
    at = [drift.at(t, TASTES) for t in range(PERIODS)]
    moved = [(at[t] != at[t - 1]).any(1) for t in range(1, PERIODS)]
    assert [t for t, users in enumerate(moved, start=1) if users.any()] == points
    assert [t for t in range(PERIODS) if drift.changes(t)] == points
    for t in points:
        assert moved[t - 1].sum() == round(drift.share * TASTES.users)


def test_abrupt_moves_other_users_each_time_and_the_others_stay():
    drift = Abrupt(at=[5, 9], share=0.5)
    first, second = (TASTES.movers(n, 0.5)[:, 0] for n in (1, 2))
    assert (first != second).any()
    at = drift.at(9, TASTES)
    np.testing.assert_array_equal(at[second], TASTES.taste(2)[second])
    np.testing.assert_array_equal(at[first & ~second], TASTES.taste(1)[first & ~second])
    np.testing.assert_array_equal(at[~first & ~second], TASTES.taste(0)[~first & ~second])


def test_gradual_goes_in_equal_steps_from_the_old_taste_to_the_new():
    """start 4, end 7: 4 steps of a quarter; period 5 is the second, so half way."""
    drift, movers = Gradual(start=4, end=7, share=0.5), TASTES.movers(1, 0.5)
    half = (TASTES.taste(0) + TASTES.taste(1)) / 2
    np.testing.assert_allclose(drift.at(5, TASTES), np.where(movers, half, TASTES.taste(0)))
    np.testing.assert_allclose(drift.at(7, TASTES), np.where(movers, TASTES.taste(1), TASTES.taste(0)))
    np.testing.assert_array_equal(drift.at(3, TASTES), TASTES.taste(0))


def test_recurring_comes_back():
    drift = Recurring(every=6, share=0.5)
    np.testing.assert_array_equal(drift.at(13, TASTES), drift.at(0, TASTES))
    np.testing.assert_array_equal(drift.at(6, TASTES), drift.at(20, TASTES))


def test_tastes_are_directions():
    np.testing.assert_allclose(np.linalg.norm(TASTES.taste(2), axis=1), 1)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Abrupt(at=[3, 2]), "drift.at is"),
        (lambda: Abrupt(at=[0]), "drift.at is"),
        (lambda: Abrupt(at=[]), "drift.at is"),
        (lambda: Abrupt(at=[2], share=0), "drift.share is 0"),
        (lambda: Gradual(start=5, end=4), "drift.start=5"),
        (lambda: Recurring(every=0), "drift.every is 0"),
    ],
)
def test_a_knob_outside_of_its_range_is_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
