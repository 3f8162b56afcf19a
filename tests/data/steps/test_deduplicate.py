import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.data.steps.deduplicate import Deduplicate
from tfrec.errors import InputError

NO_ITEMS = pd.DataFrame({"text": []})


def make_events(minutes, **columns):
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.array(minutes, dtype=float), unit="min")
    return pd.DataFrame({"user": "u", "item": 1, "timestamp": times} | columns)


def kept_of(step, periods):
    """Row numbers of what stays, period by period."""
    kept = []
    for events in periods:
        kept += step.events(events).index.tolist()
        step.fit(events, NO_ITEMS)
    return kept


def test_a_repeat_is_dropped_up_to_within_and_not_a_moment_later():
    """30 minutes after minute 0 is a repeat; 31 minutes after that is none."""
    assert Deduplicate("30min").events(make_events([0, 30, 61])).index.tolist() == [0, 2]


def test_a_chain_of_repeats_is_one_event():
    assert Deduplicate("30min").events(make_events([0, 20, 40, 60])).index.tolist() == [0]


@pytest.mark.parametrize("column", ["user", "item", "query", "click", "purchase", "rating", "spend", "quantity"])
def test_another_user_item_query_or_label_is_another_event(column):
    """A click after an impression, and a purchase after a click, are no repeats."""
    events = make_events([0, 1, 2, 3], **{column: [0, 1, 0, 1]})
    assert Deduplicate().events(events).index.tolist() == [0, 1]
    assert Deduplicate(by=sorted({"user", "item", column})).events(events).index.tolist() == [0, 1]


def test_the_key_can_be_named_and_other_columns_do_not_count():
    events = make_events([0, 1], click=[0, 1], slate=["a", "b"])
    assert Deduplicate(by=["user", "item"]).events(events).index.tolist() == [0]
    assert Deduplicate().events(events).index.tolist() == [0, 1]
    assert Deduplicate(by=["user", "slate"]).events(events.assign(click=0)).index.tolist() == [0, 1]


@settings(max_examples=40)
@given(st.data())
def test_periods_do_not_matter_and_it_is_a_loop_by_hand(data):
    """Random logs of two users, two items and missing queries, cut at random."""
    rows = data.draw(st.integers(1, 30))
    minutes = np.cumsum(data.draw(st.lists(st.sampled_from([0, 5, 10, 25, 60]), min_size=rows, max_size=rows)))
    draw = np.random.default_rng(data.draw(st.integers(0, 99)))
    query = np.array(["a", None], dtype=object)[draw.integers(0, 2, rows)]
    events = make_events(minutes, user=draw.integers(0, 2, rows), item=draw.integers(0, 2, rows), query=query)
    cuts = sorted(data.draw(st.lists(st.integers(0, rows), max_size=4)))
    periods = [events.iloc[a:b] for a, b in zip([0, *cuts], [*cuts, rows], strict=True)]
    last, expected = {}, []
    for row in events.itertuples():
        key = row.user, row.item, row.query if isinstance(row.query, str) else None
        if key not in last or row.timestamp - last[key] > pd.Timedelta("30min"):
            expected.append(row.Index)
        last[key] = row.timestamp
    assert kept_of(Deduplicate("30min"), periods) == expected


def test_only_the_last_half_hour_is_kept():
    """Every second one event of a new item: 1801 of them lie within 30 minutes, both ends counted."""
    step = Deduplicate("30min")
    for hour in range(3):
        seconds = hour * 3600 + np.arange(3600)
        step.fit(make_events(seconds / 60, item=seconds), NO_ITEMS)
        assert len(step._last) == 1801


@pytest.mark.parametrize("within", ["soon", "0min", "-5min", "NaT", 30, None, ""])
def test_within_must_be_a_time_step(within):
    with pytest.raises(InputError, match="step.deduplicate.within is .*: write a positive time step such as 30min"):
        Deduplicate(within)


@pytest.mark.parametrize("by", [[], ["user", "timestamp"], "user"])
def test_the_key_must_name_columns(by):
    with pytest.raises(InputError, match="step.deduplicate.by is"):
        Deduplicate(by=by)


def test_a_missing_column_of_the_key_is_named():
    with pytest.raises(InputError, match="step.deduplicate: the event log has no column 'session'"):
        Deduplicate(by=["user", "session"]).events(make_events([0]))


def test_an_earlier_event_that_becomes_known_later_repeats_nothing():
    """The event of the 14th was known first; that of the 1st is thirteen days older."""
    step = Deduplicate("30min")
    late, soon = (
        pd.DataFrame({"user": [1], "item": [2], "timestamp": pd.to_datetime([f"2024-01-{day}"])})
        for day in ("01", "14")
    )
    step.fit(soon, pd.DataFrame())
    assert len(step.events(late)) == 1
