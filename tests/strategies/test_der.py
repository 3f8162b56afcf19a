from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.memories.offers import offered, update_of
from tests.strategies.small import Three, learn, learner_of, points
from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.memories.reservoir import Reservoir
from tfrec.models.tower_outputs import TowerOutputs
from tfrec.strategies.der import Der


def test_losses_are_means_over_their_own_rows():
    """The weighted mean over 8 + 6 rows is the mean over 8 and beta times the mean over 6."""
    strategy = Der(offered(Reservoir(20), update_of(np.arange(20))), ratio=0.75, beta=0.3)
    batch = strategy.augment({"number": np.arange(8)})
    losses = np.random.default_rng(0).random(14)
    expected = losses[:8].mean() + 0.3 * losses[8:].mean()
    assert np.mean(losses * batch["row_weight"]) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_array_equal(batch["der/row"], [0] * 8 + [1] * 6)


def test_the_change_of_products_is_that_of_rows_and_items_of_one_time():
    """Of rows and items of times 2 and 5, `(<q_i, c_j> - <q'_i, c'_j>)^2 / T^2` entry by entry: 4 and 9 pairs."""
    rng = np.random.default_rng(0)
    query, then_query, then_item = (rng.normal(size=(7, 3)) for _ in range(3))
    item, label, when = rng.normal(size=(4, 3)), rng.integers(0, 4, 7), np.array([0, 2, 5, 2, 5, 0, 5])
    total = 0
    for time in (2, 5):
        for i, j in product(np.flatnonzero(when == time), repeat=2):
            total += (query[i] @ item[label[j]] - then_query[i] @ then_item[j]) ** 2 / 0.5**2
    model = TowerOutputs()
    model.retrieval_loss = SimpleNamespace(temperature=0.5)
    tensors = [tf.constant(values, tf.float32) for values in (query, item, then_query, then_item)]
    outputs, then = [dict(zip(("query", "candidate"), pair, strict=True)) for pair in (tensors[:2], tensors[2:4])]
    found = model.squared_change(outputs, then, {"label": tf.constant(label)}, tf.constant(when))
    assert float(found) == pytest.approx(total / (4 + 9), rel=1e-4)
    same = {"query": outputs["query"], "candidate": tf.gather(outputs["candidate"], label)}
    unchanged = model.squared_change(outputs, same, {"label": tf.constant(label)}, tf.constant(when))
    assert float(unchanged) == pytest.approx(0, abs=1e-4)


def test_vectors_beside_a_row_are_of_when_it_was_learned():
    model, strategy = make_model(), Der(Reservoir(1000))
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1), [strategy])
    state, said = StreamState(Stream(make_interactions(per_day=12)), model, learner, {}), []
    for t in range(2):
        state.observe(t)
        state.learn(range(t, t + 1), epochs=1, batch_size=64)
        update = state.update(range(t, t + 1))
        rows = update.examples.rows(np.arange(len(update.examples)), update.candidates)
        said.append((model.query_embeddings(rows).numpy(), model.candidate_embeddings(rows).numpy(), rows))
    kept, period = strategy.memory.kept(), strategy.memory.facts["period"]
    for t, (query, item, rows) in enumerate(said):
        np.testing.assert_array_equal(kept["item"][period == t], rows["item"])
        np.testing.assert_allclose(kept["der/query"][period == t], query, atol=1e-6)
        np.testing.assert_allclose(kept["der/candidate"][period == t], item, atol=1e-6)
        assert set(kept["der/when"][period == t]) == {t + 1}
    assert np.abs(model.query_embeddings(said[0][2]) - said[0][0]).max() > 0.01  # it says other things by now


def test_a_step_written_out():
    """One row of the past, x = (1, 2, 0), learned once from w = 0: p = 1/3, took the first, at rate 0.3

    `w_1 = 0.3 (2/3, -2/3, 0)`; then the logits are `z_B = w_1 x`. The second update has x = (1, 1, 1), which took the
    last. Its first step: both losses' gradients, and the change is 0. Its second: alpha's gradient too, which is
    `alpha * 2/3 (w - w_1) x^2`, as the change is the mean over three choices.
    """
    model, alpha, beta, rate = Three(), 0.7, 0.5, 0.3
    learner = learner_of(model, Der(Reservoir(1), ratio=1.0, alpha=alpha, beta=beta), rate=rate)
    past, new = np.array([1.0, 2, 0]), np.ones(3)
    learn(learner, points([past], took=np.eye(3, dtype=np.float32)[:1]))
    w1 = rate * np.array([2 / 3, -2 / 3, 0])
    np.testing.assert_allclose(model.w, w1, atol=1e-6)

    def softmax_slope(w, x, took):
        p = np.exp(w * x) / np.exp(w * x).sum()
        return (p - np.eye(3)[took]) * x

    w = w1
    for _ in range(2):
        change = 2 / 3 * (w - w1) * past**2
        w = w - rate * (softmax_slope(w, new, 2) + beta * softmax_slope(w, past, 0) + alpha * change)
    learn(learner, points([new], period=1, took=np.eye(3, dtype=np.float32)[2:]), 2)
    np.testing.assert_allclose(model.w, w, rtol=1e-5)


@pytest.mark.parametrize("options", [{"alpha": -1.0}, {"beta": -1.0}])
def test_negative_weights_are_a_sentence(options):
    with pytest.raises(InputError, match="strategy.der has alpha=.*, beta=.*: choose 0 or more"):
        Der(**options)
