"""Nothing of the past depends on the future of a log with searches, late labels, changes, expiry and steps."""

import numpy as np
import pandas as pd
import pytest

from tests.shop import START, make_model, make_shop, make_state
from tests.test_leaks import assert_same
from tfrec.data.interactions import Interactions

END = START + pd.Timedelta("28D")  # roughly: the first event is at most a day later
PERIODS = 3


def future_of(events):
    return events["timestamp"] >= events["timestamp"].iloc[0] + PERIODS * pd.Timedelta("7D")


def cut_off(log):
    """The log up to the first event of period 3, labels that are known later as never; no change of items after it."""
    first = int(np.argmax(future_of(log.events)))
    events = log.events[: first + 1]
    changes = log.changes[log.changes["timestamp"] < events["timestamp"].iloc[-1]]
    return Interactions(events, log.items, changes, log.users)


def permuted(log):
    """All columns of the future but its times are shuffled, each for itself; changes say something else."""
    events, changes = log.events.copy(), log.changes.copy()
    future, rng = future_of(events), np.random.default_rng(1)
    for column in ("user", "item", "query", "paid", "click"):
        events.loc[future, column] = rng.permutation(events.loc[future, column])
    later = changes["timestamp"] >= events["timestamp"][future].iloc[0]
    changes.loc[later, ["text", "price"]] = ["of the future", 1e6]
    return Interactions(events, log.items, changes, log.users)


def labels_later(log):
    """Whatever becomes known in period 3 or later becomes known much later."""
    events = log.events.copy()
    limit = events["timestamp"].iloc[0] + PERIODS * pd.Timedelta("7D")
    if "known" not in events:
        return permuted(log)
    events.loc[events["known"] >= limit, "known"] += pd.Timedelta("100D")
    return Interactions(events, log.items, log.changes, log.users)


def state_after(log):
    state = make_state(log, make_model(), positive="click > 0")
    for t in range(PERIODS):
        state.observe(t)
        state.learn(range(t, t + 1), epochs=1, batch_size=32)
    return state


@pytest.fixture(scope="module", params=[True, False], ids=["late", "at_once"])
def log(request):
    return make_shop(days=29, late=request.param)


@pytest.fixture(scope="module")
def whole(log):
    return state_after(log)


@pytest.mark.parametrize("change", [cut_off, permuted, labels_later], ids=lambda change: change.__name__)
def test_another_future_leaves_the_past_byte_for_byte(log, whole, change):
    other = state_after(change(log))
    states = whole, other
    one, two = ([s.history.users.ids, s.history.items.ids, s.model.features.texts.ids] for s in states)
    assert_same(one, two)
    assert whole.history.digest == other.history.digest
    categories = [s.model.features.categories | s.model.features.context_categories for s in states]
    assert_same(*({name: v.ids for name, v in c.items()} for c in categories))
    for t in range(PERIODS):
        one, two = (s.examples(t) for s in states)
        assert_same(one.queries, two.queries)
        assert_same([one.query, one.item], [two.query, two.item])
    pd.testing.assert_frame_equal(whole.catalogue.items, other.catalogue.items)
    rows = np.arange(len(whole.history.items))
    assert_same(*(s.model.features.candidates(s.history, rows) for s in states))
    for table in ("user_table", "item_table"):
        policies = [getattr(s.model, table).policy for s in states]
        assert_same(*([p.row, p.count, p.seen, p.since] for p in policies))
    assert_same(*([v.numpy() for v in s.model.variables] for s in states))
    assert_same(*([v.numpy() for v in s.learner.optimizer.variables] for s in states))


def test_the_logs_show_what_they_should(log, whole):
    """Rows expire, items change, steps have fitted, searches came, and the futures differ."""
    assert whole.model.user_table.policy.own.any() and not whole.model.item_table.policy.own.all()
    texts = whole.catalogue.items["text"]
    assert (texts != log.items["text"].str.casefold()).any() and "not fitted" not in set(
        whole.catalogue.items["price_relative_bucket"]
    )
    assert whole.model.features.searches and whole.stream.late is ("known" in log.events)
    assert not permuted(log).events.equals(log.events) and len(cut_off(log).events) < len(log.events)
