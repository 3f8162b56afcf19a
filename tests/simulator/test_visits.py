"""Who comes, and when."""

import numpy as np
import pandas as pd
import pytest

from tfrec.errors import InputError
from tfrec.simulator.visits import Visits

MONDAY = pd.Timestamp("2024-01-01")


def test_visits_are_poisson_with_the_stated_mean():
    """Equal activity 2 for 5,000 users: the counts' mean and variance are both 2, within 5 standard deviations."""
    users, _ = Visits(n_users=5000, activity=2.0, uneven=0.0).draw(MONDAY, pd.Timedelta("7D"), seed=0, t=1)
    counts = np.bincount(users, minlength=5000)
    assert abs(counts.mean() - 2) < 5 * np.sqrt(2 / 5000)
    # the variance of a sample variance of Poisson(2) is about (2 + 2 * 2 ** 2) / n
    assert abs(counts.var() - 2) < 5 * np.sqrt(10 / 5000)


def test_activities_have_the_stated_mean_and_spread():
    activity = Visits(n_users=20_000, activity=3.0, uneven=0.5).activities(seed=0)
    assert abs(activity.mean() - 3) < 5 * 1.5 / np.sqrt(20_000)
    assert abs(activity.std() - 1.5) < 0.1


@pytest.mark.parametrize("start", [MONDAY, MONDAY + pd.Timedelta("2D12h")])
def test_days_of_the_week_have_their_weights(start):
    weekly = [1, 2, 3, 4, 5, 6, 7]
    visits = Visits(n_users=2000, activity=14.0, uneven=0.0, weekly=weekly)
    _, times = visits.draw(start, pd.Timedelta("7D"), seed=0, t=1)
    days = np.bincount(pd.DatetimeIndex(times).day_of_week, minlength=7)
    expected = len(times) * np.array(weekly) / 28
    assert (np.abs(days - expected) < 5 * np.sqrt(expected)).all()


def test_short_periods_have_the_weight_of_their_day():
    """Sundays weigh 7 of 28, that is 1.75 times the mean day; half of a day has the rate of any half of it."""
    visits = Visits(n_users=2000, activity=5.0, uneven=0.0, weekly=[1, 2, 3, 4, 5, 6, 7])
    users, times = visits.draw(MONDAY + pd.Timedelta("6D"), pd.Timedelta("12h"), seed=0, t=12)
    assert abs(len(users) - 17_500) < 5 * np.sqrt(17_500)
    assert pd.DatetimeIndex(times).day_of_week.unique() == [6]


@pytest.mark.parametrize("period", ["7D", "36h", "1h", "30D"])
def test_times_are_in_the_period_and_in_order(period):
    start, step = MONDAY + pd.Timedelta("5h"), pd.Timedelta(period)
    users, times = Visits(n_users=300).draw(start, step, seed=0, t=3)
    times = pd.DatetimeIndex(times)
    assert len(users) == len(times) > 0 and times.is_monotonic_increasing
    assert start <= times[0] and times[-1] < start + step


def test_the_first_request_of_all_comes_when_the_world_begins():
    _, times = Visits(n_users=300).draw(MONDAY, pd.Timedelta("7D"), seed=0, t=0)
    assert pd.Timestamp(times[0]) == MONDAY


@pytest.mark.parametrize(
    "knobs, message",
    [
        ({"n_users": 0}, "visits.n_users is 0"),
        ({"activity": 0}, "visits.activity is 0"),
        ({"uneven": -1}, "visits.uneven is -1"),
        ({"weekly": [1, 2]}, "write seven weights"),
        ({"weekly": [0] * 7}, "not all 0"),
    ],
)
def test_a_knob_outside_of_its_range_is_named(knobs, message):
    with pytest.raises(InputError, match=message):
        Visits(**knobs)
