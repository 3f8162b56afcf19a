"""Two towers that learn a history by themselves."""

import numpy as np
import pytest
import tf_keras

from tests.baselines.histories import observed
from tests.toy import make_interactions
from tfrec.baselines.refreshed import Refreshed
from tfrec.baselines.retrieval import Retrieval
from tfrec.data.features import TowerFeatures
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.layers.ranking.mlp import Mlp
from tfrec.layers.repeat.mix import Mix
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.models.two_stage import TwoStage
from tfrec.models.two_tower import TwoTower
from tfrec.models.untrained import Untrained
from tfrec.ranking.candidates import Candidates
from tfrec.ranking.list_features import ListFeatures
from tfrec.tasks.loss import InBatchSoftmax
from tfrec.tasks.ranking import LambdaRank

PERIODS = 4


def make_model(**options):
    return TwoTower(
        **{"features": TowerFeatures(5), "dim": 4, "dropout": 0.2, "new_items": "mean", "seed": 3} | options
    )


def make_retrieval(**options):
    return Retrieval(make_model(), tf_keras.optimizers.Adam(0.05), **{"batch_size": 64, "seed": 5} | options)


def stream_of(named=False):
    return Stream(make_interactions(named=named), "7D")


def everybody(history):
    return Requests(np.arange(len(history.users)), history.users.ids)


@pytest.mark.parametrize("named", [False, True], ids=["numbers", "names"])
def test_it_is_the_model_that_a_run_learns_week_by_week(named):
    """The loop's own state, with the true events, times and texts, learned once a period, gives the same products."""
    model = make_model()
    learner = Learner(model, tf_keras.optimizers.Adam(0.05))
    state = StreamState(stream_of(named), model, learner, {}, seed=5)
    for t in range(PERIODS):
        state.observe(t)
        state.learn(range(t, t + 1), epochs=1, batch_size=64, log_q_window=8)
    expected = np.asarray(state.scorer.score(state.history, everybody(state.history))(slice(None)))
    retrieval = make_retrieval()
    retrieval.know(state.stream.items)
    found = retrieval.score(state.history, everybody(state.history))(slice(None))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert np.ptp(expected) > 0.01


def test_an_item_of_its_own_category_is_told_apart_by_the_item_table():
    """Categories reach the towers: without them the same events give other vectors."""
    stream = stream_of()
    history = observed(stream, PERIODS)
    with_kinds, without = make_retrieval(), make_retrieval()
    with_kinds.know(stream.items)
    without.know(stream.items[["text"]])
    one, two = (each.score(history, everybody(history))(slice(None)) for each in (with_kinds, without))
    assert not np.allclose(one, two)


def test_a_history_that_goes_on_costs_its_new_periods(monkeypatch):
    """Periods learned, by hand: 0 to 2 once, then 3; and 0 to 1 anew for a past that is not kept, then 0 to 3 again."""
    learned = []
    original = StreamState.learn
    monkeypatch.setattr(StreamState, "learn", lambda self, p, *rest: learned.append(p[0]) or original(self, p, *rest))
    stream = stream_of()
    retrieval = make_retrieval()
    retrieval.know(stream.items)
    retrieval._fitted._kept = 1
    history = observed(stream, 3)
    for step, expected in ((0, [0, 1, 2]), (0, []), (1, [3]), (-2, [0, 1]), (2, [2, 3])):
        if step > 0 and len(history) < 4:
            history.observe(stream[3])
        retrieval.score(history.until(2) if step < 0 else history, everybody(history))
        assert learned == expected
        learned.clear()


def test_two_stages_take_it_as_a_source_and_so_do_trees_and_untrained_models():
    """Whoever has a source tells it the item table."""
    stream = stream_of()
    history = observed(stream, PERIODS)
    asked = everybody(history)
    candidates = Candidates(own=0, popular=0, best=3, retrieval=make_retrieval())
    features = ListFeatures(candidates, TowerFeatures(4), length=8)
    TwoStage(features, Mlp((8,)), LambdaRank()).begin(stream.items)
    found = candidates(history, asked)
    scores = candidates.sources["retrieval"].score(history, asked)(slice(None))
    scores[history.own(asked.users).toarray() > 0] = -np.inf
    best = np.sort(np.argsort(-scores, axis=1, kind="stable")[:, :3], axis=1)
    np.testing.assert_array_equal(found.items.reshape(-1, 3), best)
    alone = Untrained({"retrieval": make_retrieval()})
    alone.begin(stream.items)
    refreshed = Refreshed(make_retrieval())
    refreshed.know(stream.items)
    np.testing.assert_array_equal(
        alone.score(history, asked)(slice(None)), refreshed.score(history, asked)(slice(None))
    )


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: make_retrieval(epochs=0), "epochs=0, batch_size=64: choose 1 or more"),
        (lambda: make_retrieval(every=0), "every is 0"),
        (lambda: make_retrieval(window=0), "window is 0"),
        (lambda: Retrieval(Untrained({"own": None}), None), "has no two towers"),
        (
            lambda: Retrieval(make_model(repeat=Mix(popularity=0), loss=InBatchSoftmax()), None),
            "retrieval.model.repeat",
        ),
        (
            lambda: Retrieval(make_model(features=TowerFeatures(4, context=["weekday"])), None),
            "retrieval.model.features.context is .*weekday.*leave it empty",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(make, words):
    with pytest.raises(InputError, match=words) as refused:
        make()
    assert "\n" not in str(refused.value)
