"""How a log is cut into periods."""

import numpy as np
import pandas as pd
import pytest

from tests.toy import make_interactions
from tfrec.data.interactions import Interactions, validated
from tfrec.data.stream import Stream
from tfrec.errors import InputError

START = pd.Timestamp("2017-01-01 11:53:26")


def make_log(rows):
    """Interactions of `rows`, each (seconds after the start, user, item)."""
    seconds, user, item = zip(*rows, strict=True)
    times = START + pd.to_timedelta(seconds, unit="s")
    items = pd.DataFrame({"text": "thing", "kind": "kind"}, index=sorted(set(item)))
    return validated(pd.DataFrame({"user": user, "item": item, "timestamp": times}), items, "toy log")


def purchases(events):
    return list(zip(events["user"], events["item"], strict=True))


DAY = 86_400


def test_periods_are_counted_from_the_first_event_not_from_midnight():
    """A week after 11:53:26 begins at 11:53:26: a second earlier, on the same calendar day, is the week before."""
    week = 7 * DAY
    log = make_log([(0, 1, 10), (week - 1, 1, 11), (week, 1, 12), (2 * week - 1, 1, 13), (2 * week, 1, 14)])
    stream = Stream(log, "7D")
    assert [purchases(stream[t]) for t in range(len(stream))] == [[(1, 10), (1, 11)], [(1, 12), (1, 13)]]


@pytest.mark.parametrize("last, whole", [(14 * DAY - 1, 1), (14 * DAY, 2), (20 * DAY, 2), (21 * DAY, 3)])
def test_the_last_partial_period_is_dropped(last, whole):
    """`whole = floor((last - first) / 7 days)`; events from there on are not in the stream."""
    log = make_log([(day * DAY, 1, day) for day in range(last // DAY)] + [(14 * DAY - 1, 2, 1), (last, 2, 2)])
    stream = Stream(log, "7D")
    assert len(stream) == whole
    end = START + whole * pd.Timedelta("7D")
    kept = sum(len(stream[t]) for t in range(whole))
    assert kept == (log.events["timestamp"] < end).sum() and stream[whole - 1]["timestamp"].max() < end


@pytest.mark.parametrize("period", ["7D", "1D", "36h", 10, 97, 840])
def test_no_event_is_lost_or_twice(period):
    """Against a loop over the raw log; only the tail and repeats within a period are left out."""
    interactions = make_interactions()
    stream = Stream(interactions, period)
    expected, first = {}, interactions.events["timestamp"].iloc[0]
    for i, row in enumerate(interactions.events.itertuples()):
        t = i // period if isinstance(period, int) else (row.timestamp - first) // pd.Timedelta(period)
        expected.setdefault(t, {}).setdefault((row.user, row.item), row.timestamp)  # the first of its period
    whole = len(stream)
    span = interactions.events["timestamp"].iloc[-1] - first
    assert whole == (len(interactions.events) // period if isinstance(period, int) else span // pd.Timedelta(period))
    for t in range(whole):
        assert dict(zip(purchases(stream[t]), stream[t]["timestamp"], strict=True)) == expected[t]
        assert len(stream[t]) == len(expected[t])
        assert stream[t]["timestamp"].is_monotonic_increasing


def test_a_period_of_events_counts_rows_of_the_log():
    """Seven events in threes: rows 0-2, rows 3-5, and row 6 is an incomplete period."""
    log = make_log([(0, 1, 10), (0, 1, 10), (0, 2, 10), (5, 1, 10), (6, 3, 11), (7, 3, 11), (8, 4, 12)])
    stream = Stream(log, 3)
    assert [purchases(stream[t]) for t in range(len(stream))] == [[(1, 10), (2, 10)], [(1, 10), (3, 11)]]


def test_of_repeats_within_a_period_the_first_stays():
    log = make_log([(0, 1, 10), (60, 2, 10), (120, 1, 10), (2 * DAY, 1, 10), (3 * DAY, 1, 10)])
    stream = Stream(log, "2D")
    assert stream[0]["timestamp"].tolist() == [START, START + pd.Timedelta("60s")]
    assert len(stream) == 1


def test_only_the_first_users_to_appear_are_kept():
    interactions = make_interactions()
    first = list(dict.fromkeys(interactions.events["user"]))[:4]
    whole, few = Stream(interactions, "7D"), Stream(interactions, "7D", users=4)
    assert len(few) == len(whole)
    for t in range(len(whole)):
        assert purchases(few[t]) == [pair for pair in purchases(whole[t]) if pair[0] in first]


def test_the_item_table_comes_along(interactions):
    stream = Stream(interactions, "7D")
    assert stream.items is interactions.items


def test_a_period_without_events_is_an_error_that_names_it():
    """Nothing happens from day 7 to day 13, the second week."""
    stream = Stream(make_log([(0, 1, 10), (14 * DAY, 1, 11), (21 * DAY, 1, 12)]), "7D")
    assert len(stream) == 3
    assert purchases(stream[0]) == [(1, 10)] and purchases(stream[2]) == [(1, 11)]
    with pytest.raises(InputError, match="Period 1 has no events.*longer stream.period"):
        stream[1]


@pytest.mark.parametrize("t", [-1, 5, 6])
def test_a_period_outside_of_the_stream_is_an_index_error(stream, t):
    assert len(stream) == 5
    with pytest.raises(IndexError):
        stream[t]


def test_iterating_gives_every_period_once(stream):
    assert sum(len(events) for events in stream) == sum(len(stream[t]) for t in range(len(stream)))


@pytest.mark.parametrize("period", ["43D", 841])
def test_a_log_shorter_than_a_period_is_refused(interactions, period):
    """The toy log has 840 events in 42 days."""
    with pytest.raises(InputError, match=f"has no whole period of {period}: shorten stream.period"):
        Stream(interactions, period)


@pytest.mark.parametrize("period", ["fortnight", "1M", "", "NaT", None, 7.5, np.nan])
def test_what_is_no_time_step_is_refused(interactions, period):
    with pytest.raises(InputError, match=r"period .* is not a time step: write for example 7D or 12h"):
        Stream(interactions, period)


@pytest.mark.parametrize("period", [0, -3, "0D", "-7D"])
def test_a_period_must_be_positive(interactions, period):
    with pytest.raises(InputError, match=f"The period {period} is not positive: write for example 7D"):
        Stream(interactions, period)


@pytest.mark.parametrize("users", [0, -1, 2.5, "many"])
def test_the_number_of_users_must_be_one(interactions, users):
    with pytest.raises(InputError, match=f"stream.users is {users}: choose 1 or more, or null for all"):
        Stream(interactions, "7D", users=users)


@pytest.mark.parametrize("delay", [-1, "-1D", 1.5, None])
def test_a_delay_is_a_number_of_periods_or_a_time_step(interactions, delay):
    with pytest.raises(InputError, match=f"stream.delay is {delay}: choose a number of periods from 0 on, or a time"):
        Stream(interactions, "7D", delay=delay)


def test_a_condition_must_be_true_or_false(interactions):
    with pytest.raises(InputError, match="stream.positive is 'item', which cannot be computed.*not true or false"):
        Stream(interactions, "7D", positive="item")


def test_a_log_of_what_was_shown_says_that_all_of_it_is_a_target(interactions, caplog):
    events = interactions.events.assign(click=[0, 1] * (len(interactions.events) // 2))
    shown = Interactions(events, interactions.items)
    Stream(shown, "7D")
    assert "shown and not clicked" in caplog.text
    caplog.clear()
    clicked = Stream(shown, "7D", positive="click > 0")
    assert not caplog.text and all(clicked[t]["click"].all() for t in range(len(clicked)))


def test_a_world_is_no_log():
    with pytest.raises(InputError, match="data is a dict: for data=world choose stream=closed_loop"):
        Stream({}, "7D")
