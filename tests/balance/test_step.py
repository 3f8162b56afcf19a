"""Gradients of several tasks in the step."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfrec.step
from tests.balance.two_tasks import go_on, make_state
from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.balance.dwa import Dwa
from tfrec.balance.pcgrad import Pcgrad
from tfrec.balance.random import Random
from tfrec.balance.sum import Sum
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.gradients import inner_products, weighted_sum
from tfrec.layers.repeat.mix import Mix
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.strategies.strategy import Strategy
from tfrec.tasks.loss import InBatchSoftmax


def some_slopes():
    """Of three tasks: a matrix, table rows (some twice, some of one task alone), rows and a whole table, and what one
    task alone moves."""
    rng = np.random.default_rng(0)

    def matrix(*shape):
        return tf.constant(rng.normal(size=shape), tf.float32)

    def rows(*ids):
        return tf.IndexedSlices(matrix(len(ids), 3), tf.constant(ids), tf.constant([6, 3]))

    return [
        [matrix(2, 4), rows(1, 5, 1), rows(0, 2), None],
        [matrix(2, 4), rows(5), matrix(6, 3), matrix(3)],
        [None, rows(0, 5, 4, 4), None, None],
    ]


def dense(slope, shape):
    return np.zeros(shape) if slope is None else tf.convert_to_tensor(slope).numpy()


SHAPES = [(2, 4), (6, 3), (6, 3), (3,)]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_inner_products_and_sums_are_those_of_dense_gradients(jit_compile):
    """But for the inner products of the last variable, which one task alone moves."""
    slopes, weights = some_slopes(), tf.constant([0.5, 2.0, 3.0])
    flat = [
        np.concatenate([dense(s, shape).ravel() for s, shape in zip(of_task, SHAPES, strict=True)][:3])
        for of_task in slopes
    ]
    products = tf.function(lambda: inner_products(slopes), jit_compile=jit_compile)()
    np.testing.assert_allclose(products, np.matmul(flat, np.transpose(flat)), rtol=1e-4, atol=1e-5)
    for of_own, own in ((True, 2.0), (False, 1.0)):
        found = weighted_sum(slopes, weights, of_own)
        for n, shape in enumerate(SHAPES):
            factors = weights.numpy() if n < 3 else [0, own, 0]
            expected = sum(f * dense(of_task[n], shape) for f, of_task in zip(factors, slopes, strict=True))
            np.testing.assert_allclose(dense(found[n], shape), expected, rtol=1e-5, atol=1e-6)
    assert isinstance(found[1], tf.IndexedSlices)  # so an optimizer that leaves absent rows alone still does


def test_gradients_of_each_task_are_taken_where_they_are_needed_alone(monkeypatch):
    taken = []
    original = tfrec.step.gradients
    monkeypatch.setattr(tfrec.step, "gradients", lambda *given: taken.append(1) or original(*given))
    for balance, expected in ((None, 1), (Sum({"apart": 0.5}), 1), (Pcgrad(), 2), (Sum(watch=True), 2)):
        taken.clear()
        go_on(make_state(balance), [0])
        assert len(taken) == expected


def test_watching_changes_no_number_and_given_weights_are_those_of_the_losses():
    states = [make_state(b, tf_keras.optimizers.SGD(0.1)) for b in (None, Sum(watch=True), Sum({"apart": 0.0}))]
    plain, watched, alone = (
        [v.numpy() for v in s.model.trainable_variables] for s in states if go_on(s, [0, 1]) is not None
    )
    for one, other in zip(plain, watched, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)
    assert plain[-1] != 0.5 and alone[-1] == 0.5  # the weight of `apart` itself has not been moved


def test_what_does_not_go_with_the_tasks_is_one_sentence():
    for balance, sentence in (
        (Pcgrad(), "balance=pcgrad weighs tasks against one another, and this model has the task retrieval alone"),
        (Sum({"clicks": 2.0}), "balance.weights names the task clicks, and the model has retrieval"),
    ):
        model = make_model()
        learner = Learner(model, tf_keras.optimizers.SGD(0.1), balance=balance)
        with pytest.raises(InputError, match=f"^{sentence}"):
            go_on(StreamState(Stream(make_interactions(per_day=40)), model, learner, {}), [0])


def test_tasks_that_the_batches_bring_are_weighed_too():
    """Buying again has tasks of its own, which the rows of a log alone do not show."""
    model = make_model(repeat=Mix(own=6, hidden=(8,), every=4), loss=InBatchSoftmax(log_q="none"))
    learner = Learner(model, tf_keras.optimizers.SGD(0.1), balance=Random())
    costs = go_on(StreamState(Stream(make_interactions(per_day=40)), model, learner, {}), [0, 1, 2])
    weights = [costs[f"balance/weight/{task}"] for task in ("retrieval", "gate", "own")]
    assert np.mean(weights) == pytest.approx(1, abs=1e-5)


def test_what_compares_updates_does_not_begin_anew():
    with pytest.raises(InputError, match="balance=dwa compares the losses of updates that go on"):
        make_state(Dwa()).learner.keep_first()


class Pull(Strategy):
    """A penalty on what one task alone moves."""

    def penalty(self, model, batch, outputs):
        return 0.5 * tf.square(model.shift - 3.0)


def test_penalties_are_added_to_what_the_tasks_give():
    """With and without gradients of each task, the same steps."""
    found = []
    for balance in (Sum(), Sum(watch=True)):
        state = make_state(balance)
        state.learner = Learner(state.model, tf_keras.optimizers.SGD(0.1), [Pull()], balance=balance)
        go_on(state, [0])
        found.append([variable.numpy() for variable in state.model.trainable_variables])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)
