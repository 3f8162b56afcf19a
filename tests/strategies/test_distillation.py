"""What a model said before an update, beside each row of the update."""

import logging

import numpy as np
import pytest
import tf_keras

from tests.strategies.small import Three, learn, learner_of, points
from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.memories.reservoir import Reservoir
from tfrec.models.weights import Weights
from tfrec.strategies.ewc import Ewc
from tfrec.strategies.lwf import Lwf
from tfrec.strategies.replay import Replay
from tfrec.strategies.si import Si
from tfrec.strategies.strategy import Strategy


class Seen(Strategy):
    """Keeps the batches."""

    def __init__(self):
        self.batches = []

    def augment(self, batch):
        self.batches.append(batch)
        return batch


@pytest.fixture(scope="module")
def learned():
    """Two updates of a model with distillation and replay: the weights before the second, and batches of both."""
    seen, model = Seen(), make_model()
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1), [Lwf(), Replay(Reservoir(50), 0.5), seen])
    state, records = StreamState(Stream(make_interactions()), model, learner, {}), []
    for t in range(2):
        state.observe(t)
        before, seen.batches = Weights(model), []
        losses = state.learn(range(t, t + 1), epochs=2, batch_size=64)
        records.append((before, seen.batches, losses))
    return model, records


def test_the_first_update_goes_without(learned):
    _, ((_, batches, losses), _) = learned
    assert not any(key.startswith("before/") for batch in batches for key in batch)
    assert losses["train/loss"] == losses["train/retrieval"]


def test_what_was_said_is_by_the_weights_before_the_update(learned):
    """Of new rows and of replayed ones, in all epochs."""
    model, (_, (before, batches, losses)) = learned
    assert len(batches) > 2 and all(len(batch["item"]) == 96 for batch in batches)
    for batch in batches:
        now = model.query_embeddings(batch).numpy()
        with before.applied():
            query, item = model.query_embeddings(batch).numpy(), model.candidate_embeddings(batch).numpy()
        np.testing.assert_allclose(batch["before/query"], query, atol=1e-6)
        np.testing.assert_allclose(batch["before/candidate"], item, atol=1e-6)
        assert np.abs(now - query).max() > 0.01
    assert losses["train/loss"] > losses["train/retrieval"]


def update(period, size=4):
    rng = np.random.default_rng(period)
    took = np.eye(3, dtype=np.float32)[rng.integers(0, 3, size)]
    return points(rng.normal(size=(size, 3)), period, took=took)


@pytest.mark.parametrize("kind", [Lwf, Ewc, Si])
def test_the_first_update_is_told_in_the_log(caplog, kind):
    learner = learner_of(Three(), kind())
    with caplog.at_level(logging.INFO):
        learn(learner, update(0))
        assert f"{kind.__name__}: nothing was learned before, so the first update goes without" in caplog.text
        caplog.clear()
        learn(learner, update(1))
        assert "goes without" not in caplog.text


def test_the_first_step_is_that_of_plain_learning_and_the_second_is_held_back():
    """At the weights of before, the penalty is at its lowest; a step later it pulls back."""
    found = {}
    for weight in (0.0, 20.0):
        for steps in (1, 2):
            learner = learner_of(model := Three(), Lwf(weight), rate=0.1)
            learn(learner, update(0))
            start = model.w.numpy()
            learn(learner, update(1), steps)
            found[weight, steps] = np.linalg.norm(model.w.numpy() - start)
    assert found[20.0, 1] == pytest.approx(found[0.0, 1], rel=1e-5)
    assert found[20.0, 2] < 0.9 * found[0.0, 2]


def test_the_penalty_is_the_weighted_mean_over_rows():
    """After the first of two steps of the second update; all in numpy."""
    learner = learner_of(model := Three(), Lwf(3.0, temperature=1.0), rate=0.1)
    learn(learner, update(0))
    old, rows = model.w.numpy().astype(float), update(1).examples.queries
    x, took = rows["x"].astype(float), rows["took"]
    losses = learn(learner, update(1), 2)

    def p(w):
        return np.exp(x * w) / np.exp(x * w).sum(axis=1, keepdims=True)

    first = old - 0.1 * np.mean((p(old) - took) * x, axis=0)
    divergence = np.sum(p(old) * np.log(p(old) / p(first)), axis=1).mean()
    softmax = -np.log((p(first) * took).sum(axis=1)).mean()
    assert losses["softmax"] == pytest.approx(softmax, rel=1e-5)
    assert losses["loss"] - losses["softmax"] == pytest.approx(3 * divergence, rel=1e-2, abs=1e-6)
    pulled = np.mean((p(first) - took + 3 * (p(first) - p(old))) * x, axis=0)
    np.testing.assert_allclose(model.w, first - 0.1 * pulled, rtol=1e-4)
