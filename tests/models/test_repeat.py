"""Buying again and exploring in `model=two_tower`, in its stream."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.shop import make_model, make_shop, make_state
from tests.test_leaks import assert_same
from tests.test_leaks_of_streams import cut_off, labels_later, permuted
from tests.test_resume_stream import Killed, KilledTrigger, left
from tests.toy import make_interactions
from tfrec.baselines.frozen import Frozen
from tfrec.baselines.stale import Stale
from tfrec.build import build
from tfrec.checkpoint import Checkpoints
from tfrec.data.features import TowerFeatures
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.folders import conf_folder
from tfrec.layers.repeat.mix import Mix
from tfrec.learner import Learner
from tfrec.loops.incremental import Incremental
from tfrec.loops.period_matrix import PeriodMatrix
from tfrec.loops.state import StreamState
from tfrec.memories.reservoir import Reservoir
from tfrec.models.two_tower import TwoTower
from tfrec.strategies.replay import Replay
from tfrec.tasks.loss import InBatchSoftmax
from tfrec.tasks.negatives import MixedNegatives
from tfrec.tasks.retrieval import among, in_batch_softmax
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod


def mixed(**options):
    return {"repeat": Mix(own=6, hidden=(8,), every=4, **options), "loss": InBatchSoftmax(log_q="none")}


def toy_state(model=None, **options):
    features = TowerFeatures(history_length=4)
    model = model or TwoTower(features=features, dim=4, new_items="mean", **mixed(**options))
    return StreamState(Stream(make_interactions(), "7D"), model, Learner(model, tf_keras.optimizers.Adam(0.01)), {})


def go_on(state, periods):
    costs = {}
    for t in periods:
        state.observe(t)
        costs = state.learn(range(t, t + 1), epochs=1, batch_size=32)
    return state, costs


def test_all_parts_are_learned_and_scores_are_probabilities():
    state, costs = go_on(toy_state(), range(3))
    assert 0 < costs["train/gate"] < 2 and 0 < costs["train/own"] < 5 and costs["train/retrieval"] > 0
    before = [variable.numpy() for variable in state.model.repeat.trainable_variables]
    traces = state.learner.traces
    go_on(state, range(3, 4))
    after = [variable.numpy() for variable in state.model.repeat.trainable_variables]
    assert len(before) == 6 and all((one != two).any() for one, two in zip(before, after, strict=True))
    assert state.learner.traces <= traces + 1  # new items may not fit the table
    requests = state.truth(4).requests
    scores = state.scorer.score(state.history, requests)(slice(0, 5))
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-4)


def test_a_batch_learns_a_list_for_every_few_examples_and_knows_its_own_items():
    state, _ = go_on(toy_state(), range(3))
    state.observe(3)
    update = state.update(range(3, 4))
    batch = next(update.examples.batches(update.candidates, 32, np.random.default_rng(0)))
    found = state.model.batch(dict(batch))
    assert found["repeat/pairs"].shape[:2] == found["repeat/label"].shape == (8, 6)
    assert 0 < found["repeat/novel"].sum() < 32
    own = among(found["no_negative"], len(found["item"])).numpy()
    np.testing.assert_array_equal(own[np.arange(32), found["label"]], found["repeat/novel"] == 0)
    repeats = batch["repeat/request"][batch["repeat/novel"] == 0][:8]
    learned = state.model.repeat.lists.learned(repeats)
    assert len(repeats) and (learned["repeat/label"].sum(axis=1) > 0).all()
    for key, lists in learned.items():
        np.testing.assert_array_equal(found[key][: len(repeats)], lists)
        assert not found[key][len(repeats) :].any()
    losses = state.model.task_losses(state.model(found, training=True), found)
    novel = losses["retrieval"].numpy()[found["repeat/novel"] == 1]
    assert not losses["retrieval"].numpy()[found["repeat/novel"] == 0].any() and (0 < novel).all() and novel.max() < 50
    numbers = {key for key in found if key.startswith("repeat/")}
    assert numbers == {"repeat/" + name for name in ("pairs", "label", "mask", "user", "novel", "known")}


def test_own_items_are_no_negatives():
    # Row 0 names candidate 1: -log(exp(s_00) / (exp(s_00) + 2 exp(s_02))), s = query candidate^T; row 1 names none.
    query, candidate = tf.constant([[1.0], [2.0]]), tf.constant([[0.5], [1.0], [-1.0]])
    count, label = tf.constant([1.0, 1.0, 2.0]), tf.constant([0, 1])
    hit = among(tf.constant([[-1, 1], [-1, -1]]), 3)
    assert hit.numpy().tolist() == [[False, True, False], [False] * 3]
    with tf.GradientTape() as tape:
        tape.watch(candidate)
        loss = in_batch_softmax(query, candidate, label, count, tf.zeros(3), hit=hit)
    one = -np.log(np.exp(0.5) / (np.exp(0.5) + 2 * np.exp(-1)))
    two = -np.log(np.exp(2) / (np.exp(1) + np.exp(2) + 2 * np.exp(-2)))
    np.testing.assert_allclose(loss, [one, two], rtol=1e-5)
    # Of candidate 1: row 1's query times (softmax - 1), and nothing of row 0.
    np.testing.assert_allclose(tape.gradient(loss, candidate)[1], [2 * (np.exp(-two) - 1)], rtol=1e-5)


def test_none_is_the_model_as_it_was():
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        node = OmegaConf.to_container(compose("config", overrides=["model.new_items=mean"]).model, resolve=True)
    model, other = (TwoTower(new_items="mean", history=None), build(node, "model", seed=0))
    assert other.repeat is None and other.features.own_lists is None
    scores = []
    for one in (model, other):
        state, _ = go_on(toy_state(one), range(2))
        asked = {key for key in state.examples(1).queries}
        assert not any(key.startswith("repeat/") for key in asked) and not state.examples(1).labels
        scores.append(state.scorer.score(state.history, state.truth(2).requests)(slice(None)))
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"loss": InBatchSoftmax()}, "model.repeat.popularity adds what model.loss.log_q=static.*choose"),
        ({"loss": None}, "model.repeat.popularity adds what model.loss.log_q=static"),
        ({"loss": MixedNegatives(4)}, "model/repeat=mix.*model/loss is MixedNegatives: choose"),
    ],
)
def test_what_does_not_go_together_is_one_sentence_with_both_keys(options, words):
    with pytest.raises(InputError, match=words) as refused:
        TwoTower(new_items="mean", **mixed() | options)
    assert "\n" not in str(refused.value)
    TwoTower(new_items="mean", repeat=Mix(popularity=0), loss=InBatchSoftmax())  # the whole of it is in the towers


def shop_state(log):
    baselines = {"frozen": Frozen(), "stale": Stale()}
    return make_state(log, make_model(**mixed(dropout=0.2)), baselines, [Replay(Reservoir(size=60), ratio=0.5)])


def run(folder, log, trigger):
    state = shop_state(log)
    tracker, checkpoints = Tracker(folder, {"name": "shop", "seed": 5}, "ndcg@5"), Checkpoints(folder / "checkpoints")
    Incremental(base=2, batch_size=32).run(state, trigger, Evaluator(["ndcg@5"]), tracker, checkpoints)
    return state


@pytest.mark.parametrize("late", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["late", "at_once"])
def test_killed_and_resumed_is_the_uninterrupted_run(tmp_path, late):
    """With rows that go from one item to another, replay, dropout, and baselines of older weights."""
    log = make_shop(days=45, late=late)
    whole = run(tmp_path / "whole", log, EveryPeriod())
    with pytest.raises(Killed):
        run(tmp_path / "cut", log, KilledTrigger(4))
    resumed = run(tmp_path / "cut", log, EveryPeriod())
    (table, arrays), (expected, values) = left(tmp_path / "cut", resumed), left(tmp_path / "whole", whole)
    assert table == expected
    for one, two in zip(arrays, values, strict=True):
        np.testing.assert_array_equal(one, two)


def moments_of(lists):
    return [np.asarray(part) for m in (lists.pair_moments, lists.user_moments) for part in (m.count, m.sum, m.squares)]


@pytest.mark.parametrize(
    "late", [pytest.param(True, id="late"), pytest.param(False, id="at_once", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("change", [cut_off, permuted, labels_later], ids=lambda change: change.__name__)
def test_another_future_leaves_examples_moments_and_weights_byte_for_byte(change, late):
    log = make_shop(days=29, late=late)
    one, two = (go_on(shop_state(events), range(3))[0] for events in (log, change(log)))
    assert one.sizes == two.sizes
    for t in range(3):
        assert_same(one.examples(t).queries, two.examples(t).queries)
        assert_same(one.examples(t).labels, two.examples(t).labels)
    assert_same(*(moments_of(state.model.repeat.lists) for state in (one, two)))
    assert_same(*([v.numpy() for v in state.model.variables] for state in (one, two)))


def test_weights_of_other_times_score_by_their_own_gate(tmp_path):
    """A probe and early stopping ask the model with other weights."""
    state = toy_state()
    probe = PeriodMatrix(share=0.3)
    tracker, checkpoints = (
        Tracker(tmp_path, {"name": "toy", "seed": 5}, "ndcg@5"),
        Checkpoints(tmp_path / "checkpoints"),
    )
    loop = Incremental(base=3, batch_size=32, base_epochs=2, validation=1)
    found = loop.run(state, EveryPeriod(), Evaluator(["ndcg@5"]), tracker, checkpoints, probe)
    assert found and all(np.isfinite(value) for value in found.values())
