from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.memories.offers import offered, update_of
from tests.strategies.small import Three, learner_of, points
from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.memories.reservoir import Reservoir
from tfrec.strategies.ader import Ader


def update_with(items, examples):
    return SimpleNamespace(candidates={"log_q": np.zeros(items)}, examples=range(examples))


def test_lambda_by_hand():
    """4 items at the last update and 6 now, 3 exemplars, 5 examples: 0.8 sqrt(4/6 * 3/5) = 0.50596."""
    strategy = Ader(offered(Reservoir(3), update_of(range(10))), weight=0.8)
    strategy.memory.refresh = lambda learner, update: None
    strategy.prepare(None, update_with(4, 7))
    assert float(strategy.adaptive) == 0  # nothing was known at an update before
    strategy.prepare(None, update_with(6, 5))
    assert float(strategy.adaptive) == pytest.approx(0.8 * np.sqrt(0.4), rel=1e-6)
    copy = Ader(Reservoir(3))
    copy.restore(strategy.state())
    assert copy.items == 6 and len(copy.memory) == 3


def test_exemplars_have_no_part_in_the_loss_of_the_task():
    """The weighted mean over 8 + 4 rows is the mean over the 8 of the batch."""
    strategy = Ader(offered(Reservoir(20), update_of(np.arange(100, 120))), ratio=0.5)
    batch = strategy.augment({"number": np.arange(8)})
    assert (batch["number"][8:] >= 100).all() and len(batch["number"]) == 12
    losses = np.random.default_rng(0).random(12)
    assert np.mean(losses * batch["row_weight"]) == pytest.approx(losses[:8].mean(), rel=1e-6)
    np.testing.assert_array_equal(batch["ader/row"], [0] * 8 + [1] * 4)


def batch_of(own, exemplars, said):
    """Rows of logits w * 1, two of the batch and one exemplar, and what was said of each before."""
    rows = own + exemplars
    return {
        "x": tf.ones((rows, 3)),
        "took": tf.one_hot([0] * rows, 3),
        "before/logits": tf.constant(said, tf.float32),
        "ader/row": tf.constant([0.0] * own + [1.0] * exemplars),
    }


def test_the_penalty_is_of_exemplars_alone():
    """p' of the exemplar is (1/2, 1/4, 1/4) and p is 1/3 each: 0.7 (1/2 ln 3/2 + 1/2 ln 3/4)."""
    strategy, model = Ader(), Three()
    strategy.adaptive.assign(0.7)
    batch = batch_of(2, 1, [[9, 0, 0], [0, 9, 0], [np.log(2), 0, 0]])
    with tf.GradientTape() as tape:
        penalty = strategy.penalty(model, batch, model(batch))
    assert float(penalty) == pytest.approx(0.35 * np.log(1.5 * 0.75), rel=1e-4)
    np.testing.assert_allclose(tape.gradient(penalty, model.w), 0.7 * np.array([-1 / 6, 1 / 12, 1 / 12]), rtol=1e-4)


def test_without_exemplars_or_anything_said_before_it_is_0():
    strategy, model = Ader(), Three()
    strategy.adaptive.assign(0.7)
    batch = batch_of(1, 0, [[9, 0, 0]])
    for missing in ("ader/row", "before/logits"):
        assert strategy.penalty(model, {k: v for k, v in batch.items() if k != missing}, model(batch)) == 0


def test_two_updates_are_plain_learning_of_new_rows_with_exemplars_held():
    """With a weight of 0 the steps are those without a strategy, as exemplars are not learned again."""
    found = []
    for strategies in ([Ader(Reservoir(10), ratio=1.0, weight=0.0)], []):
        learner = learner_of(model := Three(), *strategies)
        for period in range(2):
            rng = np.random.default_rng(period)
            took = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 6)]
            learner.learn(points(rng.normal(size=(6, 3)), period, took=took), 2, 6, seed=0)
        found.append(model.w.numpy())
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_a_negative_weight_is_a_sentence():
    with pytest.raises(InputError, match="strategy.ader.weight is -1: choose 0 or more"):
        Ader(weight=-1)


def test_without_a_weight_it_is_fine_tuning():
    """Two towers, plain steps: exemplars are no negatives of new rows either."""
    results = []
    for strategies in ([], [Ader(Reservoir(200), weight=0.0)]):
        learner = Learner(model := make_model(), tf_keras.optimizers.SGD(0.05), strategies)
        state = StreamState(Stream(make_interactions(per_day=40)), model, learner, {})
        for t in range(3):
            state.observe(t)
            state.learn(range(t, t + 1), epochs=2, batch_size=32)
        results.append([variable.numpy() for variable in model.trainable_variables])
    for plain, held in zip(*results, strict=True):
        np.testing.assert_allclose(plain, held, rtol=1e-4, atol=1e-5)
    assert len(strategies[0].memory) == 200
