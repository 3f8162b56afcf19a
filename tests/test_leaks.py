"""Nothing before a period depends on that period or on later ones.

A log is rebuilt with another future: cut off, permuted, or with an item in it that did not exist. All that a run makes
of the past must be equal byte for byte.
"""

import numpy as np
import pandas as pd
import pytest
import tf_keras

from tests.toy import make_interactions
from tfrec.baselines.als import Als
from tfrec.baselines.decayed_frequency import DecayedFrequency
from tfrec.baselines.ease import Ease
from tfrec.baselines.item_knn import ItemKnn
from tfrec.baselines.own_items import OwnItems
from tfrec.baselines.popularity import Popularity
from tfrec.baselines.random import Random
from tfrec.baselines.refreshed import Refreshed
from tfrec.baselines.tifu_knn import TifuKnn
from tfrec.checkpoint import Checkpoints
from tfrec.data.features import TowerFeatures
from tfrec.data.interactions import validated
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.data.truth import LeakError, Truth, refuse_future
from tfrec.evaluate import Evaluator
from tfrec.learner import Learner
from tfrec.loops.incremental import Incremental
from tfrec.loops.state import StreamState
from tfrec.models.two_tower import TwoTower
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod

PERIODS = 3  # of the past; period 3 is the first that nobody may know
CANARY = 999
BASELINES = {
    "popularity": Popularity(),
    "own_items": OwnItems("insertion"),
    "decayed_frequency": DecayedFrequency(share=4),
    "random": Random(),
    "tifu_knn": TifuKnn(neighbours=3),
    "item_knn": ItemKnn(neighbours=5),
    "ease": Ease(items=20),
    "als": Als(factors=4, iterations=3),
    "refreshed": Refreshed(Popularity(), 2),
}


def state_after(interactions, periods=PERIODS):
    """A tiny two-tower model that learned one period after the other."""
    features = TowerFeatures(history_length=6)
    model = TwoTower(encoder=None, features=features, dim=4, new_items="mean", seed=3)
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1))
    state = StreamState(Stream(interactions, "7D"), model, learner, BASELINES, seed=5)
    for t in range(periods):
        state.observe(t)
        state.learn(range(t, t + 1), epochs=1, batch_size=64)
    return state


def first_of_the_future(interactions):
    """Number of the first event of period 3. Without it period 2 would be incomplete, and dropped."""
    events = interactions.events
    future = events["timestamp"] >= events["timestamp"].iloc[0] + PERIODS * pd.Timedelta("7D")
    return int(np.argmax(future))


def cut_off(interactions):
    """The log up to the first event of period 3, and only the items that it has."""
    events = interactions.events[: first_of_the_future(interactions) + 1]
    return validated(events, interactions.items.loc[sorted(events["item"].unique())], "log that ends")


def permuted(interactions):
    """Users and items of the future are shuffled, each for itself; the times stay."""
    events, start = interactions.events.copy(), first_of_the_future(interactions)
    rng = np.random.default_rng(1)
    for column in ("user", "item"):
        events.loc[start:, column] = rng.permutation(events.loc[start:, column])
    return validated(events, interactions.items, "log with another future")


def with_canary(interactions):
    """Everybody buys an item of the future, again and again; it stands first in the item table."""
    events, start = interactions.events, first_of_the_future(interactions)
    bought = events[start:].iloc[::2].assign(item=CANARY)
    canary = pd.DataFrame({"text": "canary", "kind": "bird"}, index=[CANARY])
    events = pd.concat([events[:start], bought, events[start:]])
    return validated(events, pd.concat([canary, interactions.items]), "log with a canary")


@pytest.fixture(scope="module")
def whole():
    return state_after(make_interactions())


@pytest.fixture(scope="module", params=[cut_off, permuted, with_canary], ids=lambda change: change.__name__)
def changed(request):
    return state_after(request.param(make_interactions()))


def assert_same(one, two):
    """Equal byte for byte, in type and shape too; dictionaries and lists of arrays as well."""
    if isinstance(one, dict):
        assert list(one) == list(two)
        one, two = list(one.values()), list(two.values())
    for a, b in zip(one, two, strict=True) if isinstance(one, list | tuple) else [(one, two)]:
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tolist() == b.tolist() if a.dtype == object else a.tobytes() == b.tobytes()


def test_the_futures_differ(whole, changed):
    """Otherwise the tests below would show nothing."""
    futures = [[list(s.stream[t]["item"]) for t in range(PERIODS, len(s.stream))] for s in (whole, changed)]
    assert futures[0] and futures[0] != futures[1]


def test_rows_of_ids(whole, changed):
    for name in ("users", "items"):
        assert_same(getattr(whole.history, name).ids, getattr(changed.history, name).ids)
    assert_same(whole.model.features.texts.ids, changed.model.features.texts.ids)
    assert_same(whole.model.features.categories["kind"].ids, changed.model.features.categories["kind"].ids)


def test_the_history_and_its_statistics(whole, changed):
    assert whole.history.newest == changed.history.newest
    assert whole.history.digest == changed.history.digest
    for t in range(PERIODS):
        assert_same(whole.history.pairs(t), changed.history.pairs(t))
    for window in (1, 2, None):
        assert_same(whole.history.popularity(window), changed.history.popularity(window))
    assert whole.history.active_users(2) == changed.history.active_users(2)
    for make in (lambda h: h.frequency(), lambda h: h.frequency(0.93), lambda h: h.first_purchase()):
        one, two = make(whole.history), make(changed.history)
        assert_same([one.data, one.indices, one.indptr], [two.data, two.indices, two.indptr])


def test_features_of_users_and_candidates(whole, changed):
    """The users of period 3 may differ, so all that are known are asked for, and one who is not."""
    users, items = Requests(np.arange(-1, len(whole.history.users))), np.arange(len(whole.history.items))
    one, two = whole.model.features, changed.model.features
    assert_same(one.users(whole.history, users), two.users(changed.history, users))
    assert_same(one.past(whole.history, users), two.past(changed.history, users))
    assert_same(one.candidates(whole.history, items), two.candidates(changed.history, items))


def test_examples_and_how_often_they_are_drawn(whole, changed):
    for t in range(PERIODS):
        one, two = whole.examples(t), changed.examples(t)
        assert_same(one.queries, two.queries)
        assert_same([one.query, one.item], [two.query, two.item])
    one, two = whole.update(range(PERIODS)), changed.update(range(PERIODS))
    assert_same(one.candidates, two.candidates)


def test_weights_and_the_state_of_the_optimizer(whole, changed):
    assert whole.learner.newest == changed.learner.newest == whole.history.newest
    assert (whole.learner.steps, whole.learner.examples) == (changed.learner.steps, changed.learner.examples)
    assert_same([v.numpy() for v in whole.model.variables], [v.numpy() for v in changed.model.variables])
    slots = [[v.numpy() for v in state.learner.optimizer.variables] for state in (whole, changed)]
    assert_same(*slots)


@pytest.mark.parametrize("name", ["eval", *(f"baseline/{name}" for name in BASELINES)])
def test_scores(whole, changed, name):
    users = Requests(np.arange(-1, len(whole.history.users)))
    scores = [np.asarray(s.scorers()[name].score(s.history, users)(slice(None))) for s in (whole, changed)]
    assert scores[0].shape == (len(users), len(whole.history.items))
    assert_same(*scores)


def test_a_canary_is_scored_only_after_it_appeared():
    state = state_after(with_canary(make_interactions()))
    assert CANARY in state.stream.items.index and CANARY not in state.history.items.ids
    truth = Truth.of(state.stream[PERIODS], state.history)
    assert sum((targets < 0).any() for targets in truth.targets) > 0  # the canary is a miss, not dropped
    state.observe(PERIODS)
    assert CANARY in state.history.items.ids


def test_the_loop_refuses_to_score_with_what_has_seen_the_period(whole):
    """Model and history know period 2; period 3 may be scored with them and period 2 may not."""
    refuse_future(whole.learner, whole.stream[PERIODS], "the model")
    with pytest.raises(LeakError, match="the model has seen events of period"):
        refuse_future(whole.learner, whole.stream[PERIODS - 1], "the model")
    with pytest.raises(LeakError, match="the history has seen events of period"):
        Truth.of(whole.stream[PERIODS - 1], whole.history)


def rows_of_a_run(interactions, folder):
    """What the loop tracks of period 2, scored after a base of two periods, with baselines beside the model."""
    state = state_after(interactions, periods=0)
    tracker = Tracker(folder, {"name": "leaks", "seed": 5})
    loop = Incremental(base=2, last=PERIODS - 1, base_epochs=1, batch_size=64)
    loop.run(state, EveryPeriod(), Evaluator(), tracker, Checkpoints(folder / "checkpoints"))
    return tracker.rows


@pytest.mark.parametrize("change", [cut_off, permuted, with_canary], ids=lambda change: change.__name__)
def test_the_metrics_of_a_run(tmp_path_factory, change):
    logs = make_interactions(), change(make_interactions())
    one, two = (rows_of_a_run(log, tmp_path_factory.mktemp("run")) for log in logs)
    assert one == two and [row["period"] for row in one] == [PERIODS - 1]
    assert one[0]["eval/all/ndcg@10"] > 0
