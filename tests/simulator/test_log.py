"""The open loop: what is in the log, and that nothing in it knows the future."""

import numpy as np
import pandas as pd
import pytest

from tests.simulator.worlds import drift, make_world, shipped
from tfrec.build import build
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.simulator.draws import generator
from tfrec.simulator.log import load, logged
from tfrec.simulator.world import SLATES

RICH = {"rewriting__rate": 0.1, "feedback__delay": "1D", "feedback__click_noise": 0.02}


def row(world, ids):
    return world.items.ids.get_indexer(ids)


@pytest.fixture(scope="module")
def world(folder):
    return make_world(folder, visits__activity=4.0)


@pytest.fixture(scope="module")
def told(world):
    """The log with the truth."""
    return load(world, periods=7, oracle=True)


def test_the_same_seed_gives_the_same_log_and_another_seed_another(folder):
    one, two, other = (load(make_world(folder, seed=seed, **RICH), periods=3) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one.events, two.events, check_exact=True)
    pd.testing.assert_frame_equal(one.changes, two.changes, check_exact=True)
    pd.testing.assert_frame_equal(one.items, two.items, check_exact=True)
    assert not one.events.equals(other.events)


@pytest.mark.parametrize("name", ["Abrupt", "Recurring", "Gradual"])
def test_the_log_up_to_a_period_does_not_depend_on_how_many_follow(folder, name):
    knobs = {"Abrupt": {"at": [2, 4]}, "Recurring": {"every": 2}, "Gradual": {"start": 2, "end": 4}}[name]
    short, long = (load(make_world(folder, drift=drift(name, **knobs), **RICH), periods=n) for n in (3, 6))
    first = long.events[: len(short.events)]
    assert short.events.to_csv() == first.to_csv()
    assert short.changes.to_csv() == long.changes[: len(short.changes)].to_csv()
    pd.testing.assert_frame_equal(short.items, long.items, check_exact=True)
    assert (long.events["timestamp"][len(short.events) :] >= pd.Timestamp("2024-01-22")).all()


def test_rows_are_whole_slates_in_order(told, world):
    events, slate = told.events, world.slate
    assert [*events] == (
        "user item timestamp query slate position propensity click purchase price spend known pctr pcvr".split()
    )
    assert (events["position"].to_numpy().reshape(-1, slate) == np.arange(1, slate + 1)).all()
    by_slate = events.groupby("slate")
    assert (by_slate[["user", "timestamp", "query"]].nunique() == 1).all(axis=None)
    assert (by_slate["item"].nunique() == slate).all()
    assert events["timestamp"].is_monotonic_increasing and events["propensity"].between(0, 1, "right").all()
    np.testing.assert_array_equal(events["spend"], events["price"] * events["purchase"])
    period = events["slate"].to_numpy() // SLATES
    np.testing.assert_array_equal(period, (events["timestamp"] - world.start) // world.period)
    for t in range(7):
        here = events[period == t]
        np.testing.assert_array_equal(here["price"], world.markets[t].price[row(world, here["item"])])


def test_nothing_is_shown_before_it_is_born_and_new_items_are_shown_after(told, world):
    born = world.items.born[row(world, told.events["item"])]
    period = told.events["slate"].to_numpy() // SLATES
    assert (born <= period).all()
    assert set(range(1, 7)) <= set(born)


def test_the_truth_is_only_told_on_demand(world):
    assert not {"pctr", "pcvr"} & set(load(world, periods=1).events)


@pytest.mark.parametrize("label, given", [("click", None), ("purchase", "click")])
def test_recorded_rates_agree_with_the_true_probabilities(told, label, given):
    """In ten groups by true probability: the count is within 5 standard deviations of its expectation."""
    events = told.events if given is None else told.events[told.events[given] == 1]
    chance = (events["pctr"] / events["position"] if label == "click" else events["pcvr"]).to_numpy()
    for group in np.array_split(np.argsort(chance, kind="stable"), 10):
        p = chance[group]
        assert abs(events[label].to_numpy()[group].sum() - p.sum()) < 5 * np.sqrt((p * (1 - p)).sum())
    assert events[label].sum() > 100


def test_position_bias_is_recovered_from_the_log(told):
    """Clicks at p over the sum of pCTR at p is `p ** -eta`: a weighted regression of its logarithm finds eta = 1."""
    by_position = told.events.groupby("position").agg({"click": "sum", "pctr": "sum"})
    seen = np.log(by_position["click"] / by_position["pctr"])
    slope, _ = np.polyfit(np.log(by_position.index), seen, 1, w=np.sqrt(by_position["click"]))
    assert slope == pytest.approx(-1.0, abs=0.15)


def test_logged_propensities_are_those_of_the_policy(told, world):
    """Three slates of period 3 against the formula, written out: `P(i at p | S)` of `Softmax`."""
    t, policy = 3, world.policy
    requests, available = world.requests(t), world.markets[t].available
    noise = generator(world.seed, "logging policy", t).standard_normal(len(world.items))
    for n in (0, 1, 2, len(requests) - 1):
        relevance = world.relevance_to(t * SLATES + n)
        weight = np.exp(world.items.appeal + 0.5 * noise + 5.0 * relevance)
        slate = told.events[told.events["slate"] == t * SLATES + n]
        left = set(available)
        for item, recorded in zip(row(world, slate["item"]), slate["propensity"], strict=True):
            total = weight[sorted(left)].sum()
            expected = (1 - policy.epsilon) * weight[item] / total + policy.epsilon / len(left)
            assert recorded == pytest.approx(expected, rel=1e-3)
            left.remove(item)


def test_without_searches_slates_are_drawn_at_once_from_the_same_policy(folder):
    """The propensities of period 3 against the formula; items as often as expected, position 1, in ten groups."""
    world = make_world(folder, queries__search_share=0.0, visits__activity=20.0)
    t, policy = 3, world.policy
    requests, market = world.requests(t), world.markets[t]
    rows, propensities = logged(world, t, requests)
    assert market.born[rows].all() and all(len(set(slate)) == world.slate for slate in rows)
    noise = generator(world.seed, "logging policy", t).standard_normal(len(world.items))
    weight = np.where(market.born, np.exp(world.items.appeal + 0.5 * noise), 0)
    number = market.born.sum()
    left = np.tile(weight, (len(rows), 1))
    for p in range(world.slate):
        chance = (1 - policy.epsilon) * left / left.sum(1, keepdims=True) + policy.epsilon / (number - p)
        expected = chance[np.arange(len(rows)), rows[:, p]]
        np.testing.assert_allclose(propensities[:, p], expected, rtol=1e-5)
        left[np.arange(len(rows)), rows[:, p]] = 0
    chance = ((1 - policy.epsilon) * weight / weight.sum() + policy.epsilon / number) * market.born
    counts = np.bincount(rows[:, 0], minlength=len(weight))
    for group in np.array_split(np.argsort(chance)[-number:], 10):
        p = chance[group].sum()
        assert abs(counts[group].sum() - len(rows) * p) < 5 * np.sqrt(len(rows) * p * (1 - p))


def test_a_calendar_stream_has_the_periods_of_the_world_but_the_last(told, world):
    stream = Stream(told, "7D")
    assert len(stream) == 6
    for t in range(6):
        time = stream[t]["timestamp"]
        assert world.begins(t) <= time.iloc[0] and time.iloc[-1] < world.begins(t + 1)


def test_the_shipped_configuration_simulates():
    node = shipped()
    node["periods"] = 2
    node["world"]["visits"]["n_users"] = node["world"]["catalogue"]["n_items"] = 60
    log = build(node, "data")
    assert len(log.events) % 10 == 0 and log.items["text"].str.len().max() > 10
    assert log.changes["timestamp"].unique() == [pd.Timestamp("2024-01-08")]


def test_a_world_without_visits_is_refused(folder):
    world = make_world(folder, visits__n_users=1, visits__activity=1e-9)
    with pytest.raises(InputError, match=r"the simulated log \(seed 0\) has no events"):
        load(world, periods=2)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"seed": -1}, "world.seed is -1"),
        ({"period": "fortnight"}, "world.period is 'fortnight'"),
        ({"start": "soon"}, "world.start is 'soon'"),
        ({"visits.n_user": 3}, "data.world.visits has no key 'n_user': did you mean 'n_users'?"),
    ],
)
def test_a_knob_that_is_wrong_is_named(folder, change, message):
    with pytest.raises(InputError) as error:
        make_world(folder, **change)
    assert message in str(error.value)


def test_the_number_of_periods_must_be_one(world):
    with pytest.raises(InputError, match="data.periods is 0"):
        load(world, periods=0)
