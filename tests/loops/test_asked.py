"""Examples whose labels become known late have the features of when they were asked."""

import numpy as np
import pandas as pd
import pytest

from tests.shop import Letters, make_shop, make_state
from tfrec.data.features import TowerFeatures
from tfrec.data.interactions import validated
from tfrec.data.steps.bucket import Bucket
from tfrec.data.steps.clean_text import CleanText
from tfrec.loops.asked import Asked
from tfrec.models.two_tower import TwoTower

START = pd.Timestamp("2024-01-01")


def make_log(rows):
    """Events of `rows`, each (day, day when known, user, item, query, paid)."""
    day, known, user, item, query, paid = zip(*rows, strict=True)
    times = {"timestamp": START + pd.to_timedelta(day, unit="D"), "known": START + pd.to_timedelta(known, unit="D")}
    events = pd.DataFrame({"user": user, "item": item, "query": query, "paid": paid} | times)
    items = pd.DataFrame({"text": [f"thing {i}" for i in range(9)]})
    return validated(events, items, "toy log")


def plain_model(**features):
    return TwoTower(Letters(), TowerFeatures(3, decay=0.5, **features), dim=4)


# Period t is day t. Of day 0, two events become known on day 2 and the third at once; day 3 ends the log.
ROWS = [
    (0.1, 2.1, "u", 1, "", 1),
    (0.2, 0.2, "u", 2, "tea", 2),
    (0.3, 2.2, "v", 3, "tea", 3),
    (1.1, 1.1, "u", 4, "", 4),
    (1.2, 2.3, "v", 5, "nut", 5),
    (2.1, 2.1, "u", 6, "", 6),
    (2.2, 2.2, "w", 7, "tea", 7),
    (4.0, 4.0, "u", 1, "", 8),
]


def test_late_examples_have_the_history_of_when_they_were_asked():
    """By hand. Item numbers count the order in which items are revealed: 2, 4, then 1, 3, 5, 6, 7.

    Before day 0 nothing is known. Before day 1, u has bought item 2. On day 2 labels of days 0, 1 and 2 are revealed;
    v's request of day 1 came when nothing of v was known, and u's of day 2 when u had items 2 and 4.
    """
    state = make_state(make_log(ROWS), plain_model(), steps=[], period="1D")
    for t in range(3):
        state.observe(t)
    raw = [state.history.items.ids[state.examples(t).item].tolist() for t in range(3)]
    assert raw == [[2], [4], [1, 3, 5, 6, 7]]
    late = state.examples(2)
    asked = {name: values[late.query] for name, values in late.queries.items()}  # of each example
    weight = asked["history_weight"].sum(axis=1)
    np.testing.assert_allclose(weight, [0, 0, 0, 1, 0], atol=1e-6)
    assert asked["history"][3, :2].tolist() == [0, 1]  # items 2 and 4
    assert asked["history_weight"][3, 0] < asked["history_weight"][3, 1]  # item 4 is the newer
    assert state.history.users.ids[asked["user"]].tolist() == ["u", "v", "v", "u", "w"]
    texts = state.model.features.texts.ids
    assert ["" if row < 0 else texts[row] for row in asked["query_text"]] == ["", "tea", "nut", "", "tea"]


@pytest.mark.parametrize("log", [make_log(ROWS), make_shop(days=29)], ids=["by_hand", "shop"])
def test_late_examples_equal_what_their_requests_had(log):
    """All that the query tower took when the request was scored, but for the user, who may have been unknown."""
    context = [] if log.users is None else ["age", "income"]
    state = make_state(log, plain_model(context=context), steps=[CleanText()], period="7D" if context else "1D")
    known = {}
    for t in range(len(state.stream)):
        requests = state.truth(t).requests
        features = state.model.features.users(state.history, requests)
        features |= state.model.features.past(state.history, requests)
        for row, key in enumerate(zip(requests.ids, requests.queries, strict=True)):
            known[t, *key] = {name: values[row] for name, values in features.items()}
        state.observe(t)
        events, examples = state.prepared(state.stream.revealed(t)), state.examples(t)
        ids = state.history.users.ids[examples.queries["user"][examples.query]]
        assert ids.tolist() == events["user"].tolist()
        for query, event in zip(examples.query, events.itertuples(), strict=True):
            expected = known[event.period, event.user, event.query]
            for name in set(expected) - {"user", "user_known"}:
                np.testing.assert_array_equal(examples.queries[name][query], expected[name], err_msg=name)
    assert len({period for period, *_ in known}) == len(state.stream)


def test_a_context_that_meant_something_else_when_it_was_asked_has_a_row():
    """Period 0 is asked before the step has fitted; its late event is learned when no request has its bucket."""
    rows = [(0.1, 0.1, "u", 1, "", 1), (0.2, 0.2, "v", 2, "", 9), (0.3, 1.9, "w", 2, "", 9), (1.1, 1.1, "v", 1, "", 1)]
    rows.append((3.0, 3.0, "v", 1, "", 1))
    model = plain_model(context=["paid_bucket"])
    state = make_state(make_log(rows), model, steps=[Bucket(events=["paid"], buckets=2)], period="1D")
    for t in range(2):
        state.observe(t)
        assert state.examples(t).queries["context/paid_bucket"].min() >= 0


def test_requests_of_several_periods_in_any_order():
    """Each asks for the features of its own period: here the number of the period and of the request in it."""

    class TwoPeriods:
        def scored(self, t):
            users = [["a", "b", "a"], ["b", "c"]][t]
            queries = [["", "tea", "tea"], ["tea", ""]][t]
            return pd.DataFrame({"user": users, "query": queries, "period": t})

    asked = Asked(TwoPeriods())
    asked.remember({"number": np.array([0, 1, 2])})
    asked.remember({"number": np.array([10, 11])})
    first = pd.DataFrame({"user": ["c", "a", "b", "b", "a"], "query": ["", "tea", "tea", "tea", ""]})
    first["period"] = [1, 0, 1, 0, 0]
    assert asked.of(first)["number"].tolist() == [11, 2, 10, 1, 0]
