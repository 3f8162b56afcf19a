"""Rules that cut a log into periods, against loops over the raw log."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fake_log import FakeLog
from tfrec.data.interactions import Interactions, validated
from tfrec.data.periods import Sessions, rule
from tfrec.data.stream import Stream
from tfrec.errors import InputError

START = pd.Timestamp("2017-01-01 11:53:26")
PERIODS = ("4min", "1min", 1, 2, 3, 5, "1 sessions", "2 sessions", "3 sessions")
GAP = "2min"
quick = settings(max_examples=40, deadline=None)


@st.composite
def logs(draw, columns=()):
    """Events with ties and pauses, of one user or of several; times are whole minutes."""
    pauses = draw(st.lists(st.sampled_from([0, 0, 1, 2, 3, 7]), min_size=4, max_size=40))
    rows = len(pauses)
    users, items = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    events = pd.DataFrame({"user": draw(st.lists(st.integers(1, users), min_size=rows, max_size=rows))})
    events["item"] = draw(st.lists(st.integers(1, items), min_size=rows, max_size=rows))
    events["timestamp"] = START + pd.to_timedelta(np.cumsum(pauses), unit="min")
    if "query" in columns:
        events["query"] = draw(st.lists(st.sampled_from(["", "tea", "nut"]), min_size=rows, max_size=rows))
    if "known" in columns:
        late = draw(st.lists(st.sampled_from([0, 0, 1, 5, 30]), min_size=rows, max_size=rows))
        events["known"] = events["timestamp"] + pd.to_timedelta(late, unit="min")
    return events


def periods_of(events, period):
    """Period of each event, how many are whole and when they start, one event after the other."""
    time, numbers, starts, sessions, open_sessions = events["timestamp"], [], [], 0, {}
    size = period if isinstance(period, int) else int(period.split()[0]) if "sessions" in period else None
    for i, (user, moment) in enumerate(zip(events["user"], time, strict=True)):
        if isinstance(period, int):
            unit = i
        elif size:
            last, unit = open_sessions.get(user, (None, None))
            if last is None or moment - last > pd.Timedelta(GAP):
                unit, sessions = sessions, sessions + 1
            open_sessions[user] = moment, unit
        else:
            numbers.append((moment - time[0]) // pd.Timedelta(period))
            continue
        if unit == size * len(starts):
            starts.append(moment)
        numbers.append(unit // size)
    if size is None:
        whole = numbers[-1]
        return numbers, whole, [time[0] + t * pd.Timedelta(period) for t in range(whole + 1)]
    whole = (sessions if "sessions" in str(period) else len(events)) // size
    return numbers, whole, [*starts, time.iloc[-1]][: whole + 1]


def in_pieces(events, cuts):
    bounds = sorted({0, len(events), *(cut % len(events) for cut in cuts)})
    return [events.iloc[a:b] for a, b in zip(bounds, bounds[1:], strict=False)]


@quick
@given(logs(), st.sampled_from(PERIODS), st.lists(st.integers(0, 39), max_size=30))
def test_a_rule_on_any_pieces_is_the_loop_over_the_log(events, period, cuts):
    cut = rule(period, GAP)
    found = [cut(piece) for piece in in_pieces(events, cuts)]
    numbers, whole, starts = periods_of(events, period)
    assert np.concatenate(found).tolist() == numbers
    assert cut.whole == whole and pd.DatetimeIndex(cut.starts).tolist() == starts
    if not cut.overlap:
        assert (np.diff(numbers) >= 0).all()


def cut_log(events, period, **options):
    """The stream of a log, and of the same log read from an `EventLog`; None if it is too short."""
    items = pd.DataFrame({"text": ""}, index=[1, 2, 3])
    log = validated(events, items, "toy log")
    if periods_of(events, period)[1] < 1:
        with pytest.raises(InputError, match="has no whole period"):
            Stream(log, period, GAP, **options)
        return None
    return Stream(log, period, GAP, **options), Stream(Interactions(FakeLog(events), items), period, GAP, **options)


def rows(frames):
    frames = [frame.reset_index() for frame in frames]
    return [(number, *row) for number, frame in enumerate(frames) for row in frame.itertuples(index=False)]


@quick
@given(logs(["query", "known"]), st.sampled_from(PERIODS), st.sampled_from([0, 1, 2, "1min", "9min"]), st.booleans())
def test_each_kept_event_is_scored_once_and_revealed_once_not_before_it_is_known(events, period, delay, distinct):
    streams = cut_log(events, period, delay=delay, distinct=distinct)
    if streams is None:
        return
    stream, on_disk = streams
    scored = [stream.scored(t) for t in range(len(stream))]
    later = len(stream) + 3  # a delay of 2 periods, and what is known after the last whole period
    revealed = [stream.revealed(t) for t in range(later)]
    assert rows(scored) == rows(on_disk.scored(t) for t in range(len(stream)))
    assert rows(revealed) == rows(on_disk.revealed(t) for t in range(later))
    numbers, whole, starts = periods_of(events, period)
    keys, kept = set(), {}
    for row, (t, event) in enumerate(zip(numbers, events.itertuples(index=False), strict=True)):
        key = (t, event.user, event.item, event.query)
        if not distinct or key not in keys:
            kept[row] = t
        keys.add(key)
    whole_rows = {row: t for row, t in kept.items() if t < whole}
    assert {row: t for t, frame in enumerate(scored) for row in frame.index} == whole_rows
    assert sum(map(len, scored)) == len(whole_rows)
    assert all(frame.index.is_monotonic_increasing for frame in [*scored, *revealed])
    when = [(row, t) for t, frame in enumerate(revealed) for row in frame.index if numbers[row] < whole]
    assert sorted(row for row, _ in when) == list(whole_rows)  # each exactly once
    for row, t in when:
        known = events["known"][row]
        periods, wait = (0, pd.Timedelta(delay)) if isinstance(delay, str) else (delay, pd.Timedelta(0))
        begun = sum(start <= known + wait for start in starts) - 1  # the newest period that has begun by then
        at_once = known + wait == events["timestamp"][row] and "sessions" not in str(period)
        assert t == (numbers[row] if at_once else max(numbers[row], begun)) + periods
    assert all((frame["period"] == [numbers[row] for row in frame.index]).all() for frame in revealed)


@quick
@given(logs(["known"]), st.sampled_from(PERIODS), st.sampled_from([0, 1, "1min"]))
def test_nothing_is_revealed_before_it_happens(events, period, delay):
    """Only a count parts events of one instant, and then the instant may be that at which the next period starts."""
    streams = cut_log(events, period, delay=delay)
    for t in range(len(streams[0]) if streams else 0):
        newest = streams[0].revealed(t)["timestamp"].max()
        end = streams[0].starts[t + 1]
        assert pd.isna(newest) or newest < end or (isinstance(period, int) and newest == end)


def test_a_session_that_goes_on_is_scored_with_its_beginning_and_revealed_as_it_happens():
    """User 1 goes on while user 2, whose session is the second period, has begun."""
    events = pd.DataFrame({"user": [1, 2, 1, 3], "item": [1, 1, 2, 1]})
    events["timestamp"] = START + pd.to_timedelta([0, 1, 2, 3], unit="min")
    stream, _ = cut_log(events, "1 sessions")
    assert stream[0].index.tolist() == [0, 2] and stream[1].index.tolist() == [1]
    assert stream.revealed(0).index.tolist() == [0] and stream.revealed(1).index.tolist() == [1, 2]
    assert stream.revealed(1)["period"].tolist() == [1, 0]


def test_of_repeats_the_first_stays_though_it_is_known_later():
    """Row 0 becomes known in period 1, its repeat, row 1, would be known at once; only row 0 is an event."""
    events = pd.DataFrame({"user": [1, 1, 1, 1], "item": [1, 1, 2, 3]})
    events["timestamp"] = START + pd.to_timedelta([0, 1, 5, 8], unit="min")
    events["known"] = START + pd.to_timedelta([6, 1, 5, 8], unit="min")
    stream, _ = cut_log(events, "4min")
    assert stream[0].index.tolist() == [0]
    assert stream.revealed(0).index.tolist() == [] and stream.revealed(1).index.tolist() == [0, 2]


def test_a_pause_as_long_as_the_gap_does_not_end_a_session():
    cut = Sessions(1, pd.Timedelta("2min"))
    times = START + pd.to_timedelta([0, 120, 240, 361], unit="s")
    assert cut(pd.DataFrame({"user": 7, "timestamp": times})).tolist() == [0, 0, 0, 1]


def test_sessions_of_a_log_that_comes_event_by_event():
    """Both users go on just within the gap, the one who began later first; then user 1 begins session 2."""
    events = pd.DataFrame({"user": [1, 2, 2, 1, 1], "timestamp": START + pd.to_timedelta([0, 0, 2, 2, 9], unit="min")})
    cut = Sessions(1, pd.Timedelta(GAP))
    assert [int(cut(events.iloc[[row]])[0]) for row in range(5)] == [0, 1, 1, 0, 2]


@pytest.mark.parametrize("period", ["0 sessions", "-1 sessions", "many sessions", " sessions", True])
def test_what_is_no_number_of_sessions_is_refused(period):
    with pytest.raises(InputError, match="write for example"):
        rule(period)


@pytest.mark.parametrize("gap", ["0min", "long"])
def test_a_gap_must_be_a_time(gap):
    with pytest.raises(InputError, match="write for example"):
        rule("2 sessions", gap)
