"""What is shown decides what is clicked; and everything else stays the same."""

import numpy as np
import pandas as pd
import pytest

from tests.simulator.worlds import make_world
from tfrec.errors import InputError
from tfrec.simulator.closed_loop import ClosedLoop
from tfrec.simulator.log import load

T = 3  # a period that a model serves; base is 2


def make_loop(folder, epsilon=0.0, changes=None, **knobs):
    knobs = {"periods": 6, "base": 2, "epsilon": epsilon, **knobs}
    return ClosedLoop(make_world(folder, **(changes or {})), **knobs)


def oracle(loop, t):
    """Ranks by the true pCTR; takes the requests' order as given."""

    def rank(requests):
        world, truth = loop.world, loop.world.requests(t)
        np.testing.assert_array_equal(requests["user"], world.user_ids[truth.user])
        pctr = np.where(world.markets[t].born, world.probabilities(t, truth)[0], -1)
        return world.items.ids.to_numpy()[np.argsort(-pctr, axis=1)]

    return rank


def popular(loop, t):
    rows = loop.world.markets[t].available
    best = rows[np.argsort(-loop.world.items.appeal[rows])]
    return lambda requests: np.tile(loop.world.items.ids.to_numpy()[best], (len(requests), 1))


def arbitrary(loop, t):
    return lambda requests: np.tile(loop.catalogue(t).to_numpy()[:10], (len(requests), 1))


def same(one, two):
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_before_base_the_logging_policy_serves(folder):
    loop = make_loop(folder)
    log = load(make_world(folder), periods=2).events
    same(pd.concat([loop.log(0), loop.log(1)], ignore_index=True), log)
    served = make_loop(folder)
    served.serve(1, rank=None)
    same(served.log(1), loop.log(1))


def test_an_oracle_has_no_regret_and_a_better_policy_earns_more(folder):
    worth = []
    for make in (oracle, popular, arbitrary):
        loop = make_loop(folder)
        worth.append(loop.serve(T, make(loop, T)))
    best, popularity, chance = worth
    assert best["regret"] == pytest.approx(0, abs=1e-12)
    assert best["clicks"] > popularity["clicks"] > chance["clicks"] > 0
    assert best["oracle_clicks"] == popularity["oracle_clicks"] == chance["oracle_clicks"]
    assert popularity["regret"] == pytest.approx(best["clicks"] - popularity["clicks"])
    assert best["click_rate"] > chance["click_rate"]


def test_exploration_costs(folder):
    worth = [(loop := make_loop(folder, epsilon)).serve(T, oracle(loop, T)) for epsilon in (0.0, 0.2, 1.0)]
    assert worth[0]["regret"] < worth[1]["regret"] < worth[2]["regret"]


def test_worth_is_the_sum_over_positions_and_clicks_agree_with_it(folder):
    """`sum over p of pCTR / p`, and with pCVR for purchases, against a loop; recorded clicks within 5 deviations."""
    loop = make_loop(folder, changes={"visits__activity": 5.0})
    worth = loop.serve(T, popular(loop, T))
    requests, rows = loop.world.requests(T), loop.state()[f"rows/{T}"]
    pctr, pcvr = loop.world.probabilities(T, requests)
    clicks = purchases = 0.0
    for n in range(len(requests)):
        for p, row in enumerate(rows[n], start=1):
            clicks += pctr[n, row] / p
            purchases += pctr[n, row] / p * pcvr[n, row]
    assert worth["clicks"] == pytest.approx(clicks / len(requests))
    assert worth["purchases"] == pytest.approx(purchases / len(requests))
    log = loop.log(T)
    assert abs(log["click"].sum() - clicks) < 5 * np.sqrt(clicks)
    assert abs(log["purchase"].sum() - purchases) < 5 * np.sqrt(purchases)
    assert worth["click_rate"] == log["click"].mean()


def test_the_same_rankings_give_the_same_events_whatever_was_asked_before(folder):
    one, two = make_loop(folder, epsilon=0.2), make_loop(folder, epsilon=0.2)
    for t in (2, 3, 4):
        one.serve(t, popular(one, t))
    two.serve(4, popular(two, 4))
    same(one.log(4), two.log(4))
    assert one.serve(4, popular(one, 4)) == two.serve(4, popular(two, 4))


def test_a_restored_state_has_the_same_events(folder):
    one, two = make_loop(folder, epsilon=0.2), make_loop(folder, epsilon=0.2)
    for t in range(4):
        one.serve(t, popular(one, t))
    two.restore({key: values.copy() for key, values in one.state().items()})
    for t in range(4):
        same(one.log(t), two.log(t))


def test_policies_meet_the_same_users_and_noise_and_only_what_is_shown_differs(folder):
    one, two = (make_loop(folder, epsilon=0.3, changes={"visits__activity": 5.0}) for _ in range(2))
    one.serve(T, oracle(one, T))
    two.serve(T, popular(two, T))
    first, second = one.log(T), two.log(T)
    context = ["user", "timestamp", "query", "slate", "position"]
    same(first[context], second[context])
    assert not first["item"].equals(second["item"]) and not first["click"].equals(second["click"])
    alike = (first["item"] == second["item"]).to_numpy()
    assert alike.sum() > 100
    same(first.loc[alike, ["click", "purchase"]], second.loc[alike, ["click", "purchase"]])


def test_propensities_are_those_of_the_mixture(folder):
    """epsilon 0.25: a position that holds the best of the ranking that is left has 0.75 + 0.25 / left, others less."""
    loop = make_loop(folder, epsilon=0.25)
    loop.serve(T, popular(loop, T))
    log, size = loop.log(T), len(loop.catalogue(T))
    order = popular(loop, T)([None])[0].tolist()
    for _, slate in log.groupby("slate"):
        left = list(order)
        for item, propensity in zip(slate["item"], slate["propensity"], strict=True):
            expected = 0.25 / len(left) + 0.75 * (item == left[0])
            assert propensity == pytest.approx(expected)
            left.remove(item)
    assert len(order) == size
    best = (log["propensity"] > 0.5).mean()
    assert abs(best - 0.75) < 5 * np.sqrt(0.75 * 0.25 / len(log)) + 10 / size


def test_targets_are_the_positive_events_each_once(folder):
    loop = make_loop(folder, changes={"visits__activity": 5.0})
    log, events = loop.log(1), loop[1]
    clicks = log[log["click"] == 1]
    assert len(events) == len(clicks[["user", "item", "query"]].drop_duplicates()) > 0
    assert (events["click"] == 1).all() and (events["period"] == 1).all()
    assert len(make_loop(folder, positive=None, distinct=False)[1]) == len(make_loop(folder).log(1))


@pytest.mark.parametrize("delay", [None, "3D"])
def test_every_target_is_revealed_once_when_it_is_known(folder, delay):
    """A window of 10 days in periods of 7: up to two periods later."""
    changes = {"visits__activity": 5.0, "feedback__delay": delay, "feedback__window": "10D"}
    loop = make_loop(folder, changes=changes)
    for t in range(2, 6):
        loop.serve(t, popular(loop, t))
    revealed = {t: loop.revealed(t) for t in range(6)}
    for t, events in revealed.items():
        assert ((events["known"] >= loop.starts[t]) & (events["known"] < loop.starts[t + 1])).all()
        assert events["timestamp"].is_monotonic_increasing
    keys = pd.concat(revealed.values())[["slate", "position"]]
    assert not keys.duplicated().any()
    due = [loop[t] for t in range(6)]
    due = sum((events["known"] < loop.starts[6]).sum() for events in due)
    assert len(keys) == due
    assert delay is not None or all(revealed[t]["slate"].tolist() == loop[t]["slate"].tolist() for t in range(6))


def test_it_offers_what_a_stream_offers(folder):
    loop = make_loop(folder)
    assert len(loop) == 6 and len(loop.starts) == 7
    assert loop.items.index.equals(loop.world.items.ids) and loop.user_table is None
    assert loop.changes(0) is None
    assert (loop.changes(2)["timestamp"] == loop.starts[2]).all()
    assert set(loop.catalogue(0)) == set(loop.world.items.ids[loop.world.items.born == 0])
    assert len(loop.catalogue(6)) == 200


def test_a_period_must_be_served_before_it_is_read(folder):
    loop = make_loop(folder)
    with pytest.raises(InputError, match="Period 2 was not served yet: call serve"):
        loop[2]
    for t in (-1, 6):
        with pytest.raises(IndexError):
            loop[t]


def test_a_ranking_that_cannot_be_shown_is_refused(folder):
    loop = make_loop(folder)
    ids = loop.world.items.ids.to_numpy()
    unborn = ids[loop.world.items.born > T][0]
    good = loop.catalogue(T).to_numpy()[:10]
    for third, name in ((unborn, unborn), ("nothing", "nothing"), (good[0], good[0])):
        bad = np.array([*good[:2], third, *good[3:]], dtype=object)
        with pytest.raises(InputError, match=f"Period 3, request 0, position 3: the ranking has {name}, which is not"):
            loop.serve(T, lambda requests, bad=bad: np.tile(bad, (len(requests), 1)))
    with pytest.raises(InputError, match=r"the ranking has shape \(\d+, 9\), but there are \d+ requests with 10"):
        loop.serve(T, lambda requests: np.tile(good[:9], (len(requests), 1)))


@pytest.mark.parametrize("knobs", [{"periods": 0}, {"base": -1}, {"epsilon": 1.1}, {"positive": "clicks > 0"}])
def test_a_knob_outside_of_its_range_is_named(folder, knobs):
    with pytest.raises(InputError, match=f"stream.{next(iter(knobs))} is"):
        make_loop(folder, **knobs)[0]


def test_nobody_to_serve_is_an_error(folder):
    loop = make_loop(folder, changes={"visits__n_users": 1, "visits__activity": 1e-9})
    with pytest.raises(InputError, match="Nobody came in period 3"):
        loop.serve(T, popular(loop, T))
