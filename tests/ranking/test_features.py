"""Each feature against a loop over the events."""

from itertools import chain

import numpy as np
import pandas as pd
import pytest

from tests.toy import make_interactions
from tfrec.data.history import History
from tfrec.data.stream import Stream
from tfrec.ranking.features import PairFeatures

PERIODS = 5


class Loops:
    """The definitions, spelled out for one pair at a time."""

    def __init__(self, stream, history, t):
        self.t, self.table = t, stream.items
        self.users, self.items = history.users.ids, history.items.ids
        events = pd.concat([stream[s] for s in range(t)])
        self.quantities = events.set_index(["user", "item", "period"])["quantity"].to_dict()
        self.bought = set(self.quantities)

    def periods(self, user=None, item=None, kind=None):
        """One number a purchase."""
        return sorted(
            s
            for u, i, s in self.bought
            if user in (None, u) and item in (None, i) and kind in (None, self.table["kind"][i])
        )

    def share(self, item, window):
        active = sum(len({u for u, _, s in self.bought if s == period}) for period in self.last(window))
        return 1000 * sum(s in self.last(window) for s in self.periods(item=item)) / active

    def last(self, window):
        return range(max(0, self.t - window), self.t)

    def mean_gap(self, item):
        gaps = [g for u in self.users for g in np.diff(self.periods(u, item))]
        return np.mean(gaps) if gaps else 0

    def own(self, user, item):
        t, own = self.t, self.periods(user, item)
        active = set(self.periods(user)) if user is not None else set()
        gap = np.mean(np.diff(own)) if len(own) > 1 else 0
        recency = t - own[-1] if own else t + 1
        yield "own_count", len(own)
        for decay in (80, 93, 98):
            yield f"own_decayed_{decay}", sum((decay / 100) ** (t - 1 - s) for s in own)
        yield "own_recency", recency
        yield "own_age", t - own[0] if own else 0
        yield "own_gap", gap
        yield "own_due", recency / gap if gap else 0
        yield "own_idle", sum(s > own[-1] if own else True for s in active)
        yield "own_rate", len(own) / sum(s >= own[0] for s in active) if own else 0

    def user(self, user):
        bought = self.periods(user)
        different = len({i for u, i, _ in self.bought if u == user})
        yield "user_active", len(set(bought))
        yield "user_items", different
        yield "user_basket", len(bought) / len(set(bought)) if bought else 0
        yield "user_recency", self.t - bought[-1] if bought else self.t + 1
        yield "user_repeats", 1 - different / len(bought) if bought else 0

    def item(self, user, item):
        bought, own, gap = self.periods(item=item), self.periods(user, item), self.mean_gap(item)
        buyers = len({u for u, i, _ in self.bought if i == item})
        one = 1000 / len({u for u, _, s in self.bought if s == self.t - 1})
        for window in (1, 4, 13):
            yield f"item_share_{window}", self.share(item, window)
        yield "item_trend", (self.share(item, 1) + one) / (self.share(item, 4) + one)
        yield "item_age", self.t - bought[0]
        yield "item_buyers", buyers
        yield "item_repeats", len(bought) / buyers
        yield "item_gap", gap
        yield "item_due", (self.t - own[-1]) / gap if own and gap else 0

    def quantity(self, user, item):
        bought = {s: quantity for (u, i, s), quantity in self.quantities.items() if (u, i) == (user, item)}
        yield "own_quantity", np.mean(list(bought.values())) if bought else 0
        for window in (1, 4):
            yield f"own_quantity_{window}", sum(q for s, q in bought.items() if s in self.last(window))

    def category(self, user, item):
        of_kind = self.periods(user, kind=self.table["kind"][item])
        worth = [sum(0.98 ** (self.t - 1 - s) for s in periods) for periods in (of_kind, self.periods(user))]
        yield "kind_share", worth[0] / worth[1] if worth[1] else 0
        yield "kind_recency", self.t - of_kind[-1] if of_kind else self.t + 1

    def finest(self, user, item):
        t, kind, own = self.t, self.table["kind"][item], self.periods(user, item)
        of_kind, all_of_kind = self.periods(user, kind=kind), self.periods(kind=kind)
        different = sorted(set(of_kind))
        gap = np.mean(np.diff(different)) if len(different) > 1 else 0
        since = t - of_kind[-1] if of_kind else t + 1
        worth = {d: [sum(d ** (t - 1 - s) for s in periods) for periods in (own, of_kind)] for d in (1, 0.8, 0.93)}
        by_user = [sorted(set(self.periods(u, kind=kind))) for u in self.users]
        gaps = [g for periods in by_user for g in np.diff(periods)]
        buyers, all_gap = sum(map(bool, by_user)), np.mean(gaps) if gaps else 0
        yield "kind_count", len(different)
        yield "kind_items", len({i for u, i, _ in self.bought if u == user and self.table["kind"][i] == kind})
        yield "kind_decayed_80", worth[0.8][1]
        yield "kind_decayed_93", worth[0.93][1]
        yield "kind_gap", gap
        yield "kind_due", since / gap if gap else 0
        for name, d in {"": 1, "_80": 0.8, "_93": 0.93}.items():
            yield f"kind_own_share{name}", worth[d][0] / worth[d][1] if of_kind else 0
        yield "kind_newest", float((own[-1:] or [-1]) == (of_kind[-1:] or [-1]))
        for window in (1, 4):
            recent = [
                sum(s in self.last(window) for s in periods) for periods in (all_of_kind, self.periods(item=item))
            ]
            active = sum(len({u for u, _, s in self.bought if s == period}) for period in self.last(window))
            yield f"kind_popular_{window}", 1000 * recent[0] / active
            yield f"kind_within_{window}", recent[1] / recent[0] if recent[0] else 0
        yield "kind_buyers", buyers
        yield "kind_repeats", len(all_of_kind) / buyers
        yield "kind_all_gap", all_gap
        yield "kind_all_due", since / all_gap if of_kind and all_gap else 0

    def of(self, user, item):
        of_pair = (self.quantity(user, item), self.category(user, item), self.finest(user, item))
        return dict(chain(self.own(user, item), self.user(user), self.item(user, item), *of_pair))


@pytest.fixture(scope="module")
def world():
    """A sparse log: few pairs are bought in every period, and some never. Users and items of period 4 are not known."""
    log = make_interactions(per_day=6, items=40)
    log.items["kind"] = [f"kind {i % 11}" for i in range(40)]
    log.events["quantity"] = np.random.default_rng(1).integers(1, 4, len(log.events))
    stream, history = Stream(log, "7D"), History(has_quantities=True)
    for t in range(PERIODS):
        history.observe(stream[t])
    return stream, history


@pytest.mark.parametrize("t", [1, 4, 5])
def test_each_feature_is_its_definition(world, t):
    stream, whole = world
    history = whole.until(t)
    features, loops = PairFeatures(history, stream.items), Loops(stream, history, t)
    users, items = (grid.ravel() for grid in np.meshgrid(range(-1, len(history.users)), range(len(history.items))))
    ids = [None if u < 0 else history.users.ids[u] for u in users]
    nobody = "somebody never seen"
    wanted = [loops.of(nobody if u is None else u, history.items.ids[i]) for u, i in zip(ids, items, strict=True)]
    found = features(users, items)
    assert features.names == tuple(wanted[0]) and found.dtype == np.float32
    for number, name in enumerate(features.names):
        expected = [row[name] for row in wanted]
        np.testing.assert_allclose(found[:, number], expected, rtol=1e-5, atol=1e-6, err_msg=name)
    assert t == 1 or (found.std(axis=0) > 0).all()  # no column is constant, so none is tested in vain


def test_replenishment_written_out():
    """Bought in periods 0, 2 and 4: mean gap 2. Before period 7 it was last bought 3 periods ago: due by 1.5 gaps."""
    history = History()
    for t in range(7):
        bought = [1] if t in (0, 2, 4) else [2]
        history.observe(pd.DataFrame({"user": 7, "item": bought, "timestamp": pd.Timestamp("2024-01-01")}))
    features = PairFeatures(history)
    found = dict(zip(features.names, features(np.array([0]), np.array([0]))[0], strict=True))
    assert (found["own_gap"], found["own_recency"], found["own_due"], found["own_idle"]) == (2, 3, 1.5, 2)


def test_a_purchase_for_two_queries_is_one():
    history = History()
    twice = {"user": [7, 7], "item": [1, 1], "timestamp": pd.Timestamp("2024-01-01")}
    history.observe(pd.DataFrame(twice))
    features = PairFeatures(history)
    found = dict(zip(features.names, features(np.array([0]), np.array([0]))[0], strict=True))
    assert found["own_count"] == found["user_basket"] == found["item_repeats"] == 1


def test_without_categories_there_are_no_features_of_them(world):
    stream, history = world
    with_kind, without = PairFeatures(history, stream.items), PairFeatures(history, stream.items[["text"]])
    users, items = np.array([0, 3, -1]), np.array([2, 5, 1])
    number = len(without.names)
    assert with_kind.names[:number] == without.names and all("kind" in name for name in with_kind.names[number:])
    np.testing.assert_array_equal(with_kind(users, items)[:, :number], without(users, items))


def test_no_pairs_and_no_history():
    assert PairFeatures(History())(np.zeros(0, int), np.zeros(0, int)).shape == (0, 24)
