"""Who asks, and for what."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.data.history import History
from tfrec.data.requests import OUTCOMES, Requests, numbered, offered

cells = st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.sampled_from(["", "tea"])), max_size=20)


@settings(max_examples=100, deadline=None)
@given(cells, st.sets(st.sampled_from(["period", "query"])))
def test_requests_are_numbered_by_their_first_events(rows, columns):
    events = pd.DataFrame(rows, columns=["period", "user", "query"])[sorted({"user"} | columns)]
    number, first = numbered(events)
    keys = list(events.itertuples(index=False, name=None))
    order = list(dict.fromkeys(keys))
    assert number.tolist() == [order.index(key) for key in keys]
    assert first.tolist() == [keys.index(key) for key in order]


def make_events():
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(range(5), unit="min")
    events = pd.DataFrame({"user": ["u", "v", "u", "u", "v"], "item": range(5), "timestamp": time, "period": 3})
    return events.assign(query=["", "tea", "nut", "", "tea"], hour=[10, 11, 12, 13, 14])


def test_searches_of_one_user_are_requests_of_their_own():
    """u, nothing searched (rows 0 and 3); v, tea (rows 1 and 4); u, nut (row 2)."""
    history = History()
    history.observe(make_events()[1:2])
    requests, number = Requests.of(make_events(), history)
    assert number.tolist() == [0, 1, 2, 0, 1] and len(requests) == 3
    assert requests.ids.tolist() == ["u", "v", "u"] and requests.users.tolist() == [-1, 0, -1]
    assert requests.queries.tolist() == ["", "tea", "nut"]
    assert requests.context["hour"].tolist() == [10, 11, 12]  # of the first event


def test_without_queries_a_user_asks_once_a_period():
    requests, number = Requests.of(make_events().drop(columns="query"), History())
    assert number.tolist() == [0, 1, 0, 0, 1] and requests.queries is None


def test_what_is_known_only_afterwards_is_no_context():
    events = make_events().assign(**{name: 1 for name in OUTCOMES - {"item", "timestamp", "period"}})
    assert list(Requests.of(events, History())[0].context) == ["hour"]


def test_taking_some_takes_all_that_belongs_to_them():
    requests = Requests.of(make_events(), History())[0].take(np.array([2, 0]))
    assert requests.ids.tolist() == ["u", "u"] and requests.queries.tolist() == ["nut", ""]
    assert requests.context["hour"].tolist() == [12, 10] and len(requests) == 2
    plain = Requests(np.array([4, 5, 6])).take(np.array([1]))
    assert plain.users.tolist() == [5] and plain.ids is None and plain.queries is None


def test_what_steps_make_of_an_outcome_is_not_offered():
    made = ["spend_bucket", "price_relative", "rating_missing"]
    assert offered(["user", "query", "hour", "spend", *made, "itemised"]) == ["hour", "itemised"]
