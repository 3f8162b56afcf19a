import numpy as np
import pytest
import tensorflow as tf

from tests.strategies.small import Points, learn, learner_of, points
from tests.test_learner import make_model
from tfrec.errors import InputError
from tfrec.strategies.ewc import Ewc

FIRST, SECOND = np.array([[2.0, 0.0], [4.0, 2.0]]), np.array([[-1.0, 3.0], [1.0, 1.0], [-3.0, 2.0]])


def descended(w, rows, steps, rate, weight=0.0, fishers=(), anchors=()):
    """The weights after plain steps on rows and anchored squares."""
    for _ in range(steps):
        pulled = sum(f * (w - a) for f, a in zip(fishers, anchors, strict=True))
        w = w - rate * (np.mean(w - rows, axis=0) + weight * pulled)
    return w


def fisher_by_hand(w, rows):
    return np.mean((w - rows) ** 2, axis=0)


def penalty_and_slope(strategy, model, w):
    model.w.assign(w)
    with tf.GradientTape() as tape:
        penalty = strategy.penalty(model, {}, None)
    return float(penalty), tape.gradient(penalty, model.w).numpy()


@pytest.fixture(scope="module", params=[None, 0.5], ids=["separate", "online"])
def learned(request):
    """Two updates of three steps each at rate 0.2, and what they leave by hand."""
    strategy, model = Ewc(0.3, request.param), Points()
    learner = learner_of(model, strategy, rate=0.2)
    learn(learner, points(FIRST), 3)
    w1 = descended(np.zeros(2), FIRST, 3, 0.2)
    np.testing.assert_allclose(model.w, w1, rtol=1e-5)
    f1 = fisher_by_hand(w1, FIRST)
    at_anchor = penalty_and_slope(strategy, model, w1)
    learn(learner, points(SECOND, period=1), 3)
    w2 = descended(w1, SECOND, 3, 0.2, 0.3, [f1], [w1])
    return strategy, model, model.w.numpy(), (w1, f1), (w2, fisher_by_hand(w2, SECOND)), at_anchor


def test_the_steps_of_two_updates_are_those_written_out(learned):
    _, _, found, _, (w2, _), _ = learned
    np.testing.assert_allclose(found, w2, rtol=1e-5)


def test_at_the_anchor_the_penalty_is_0(learned):
    penalty, slope = learned[-1]
    assert abs(penalty) < 1e-9 and np.abs(slope).max() < 1e-6


def test_what_is_kept_is_the_sum_of_both_penalties_but_for_a_constant(learned):
    """Separate: `0.15 sum_t F_t (w - w_t)^2`; online, with decay 0.5: `0.15 (F_1 / 2 + F_2) (w - w_2)^2`."""
    strategy, model, _, (w1, f1), (w2, f2), _ = learned
    separate = strategy.decay is None
    fishers, anchors = ([f1, f2], [w1, w2]) if separate else ([f1 / 2 + f2], [w2])
    constants = []
    for w in (np.array([1.0, -2.0]), np.array([0.3, 4.0]), w2):
        penalty, slope = penalty_and_slope(strategy, model, w)
        expected = 0.3 * sum(f * (w - a) for f, a in zip(fishers, anchors, strict=True))
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-5)
        constants.append(0.15 * sum((f * (w - a) ** 2).sum() for f, a in zip(fishers, anchors, strict=True)) - penalty)
    np.testing.assert_allclose(constants, constants[0], atol=1e-5)
    assert (constants[0] > 0.01) == separate


def test_the_larger_the_weight_the_less_changes_what_mattered():
    changes = []
    for weight in (0.0, 1.0, 30.0):
        strategy, model = Ewc(weight), Points()
        learner = learner_of(model, strategy, rate=0.005)
        learn(learner, points(FIRST), 30)
        w1 = model.w.numpy()
        learn(learner, points(SECOND, period=1), 120)
        changes.append(np.sum(fisher_by_hand(w1, FIRST) * (model.w.numpy() - w1) ** 2))
    assert changes == sorted(changes, reverse=True) and changes[-1] < 0.001 * changes[0]


def test_a_weight_of_0_is_no_strategy():
    found = []
    for strategies in ([Ewc(0.0)], []):
        learner = learner_of(model := Points(), *strategies)
        for period, rows in enumerate((FIRST, SECOND)):
            learn(learner, points(rows, period), 2)
        found.append(model.w.numpy())
    np.testing.assert_array_equal(*found)


def test_rows_that_a_table_gets_later_are_free():
    strategy, model = Ewc(10.0, samples=8, batch=4), make_model()
    strategy.build(model)  # before any row is known, tables have their first size
    first = model.item_table.capacity
    for part in (strategy.fisher, strategy.anchor):
        for variable in part.variables:
            variable.assign(tf.ones_like(variable))
    model.item_table.grow(2 * first)
    strategy.build(model)
    place = [v.ref() for v in model.trainable_variables].index(model.item_table.table.ref())
    held = strategy.fisher.variables[place].numpy()
    assert held.shape == model.item_table.table.shape and held[:first].all() and not held[first:].any()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"weight": -1}, "strategy.ewc.weight is -1: choose 0 or more"),
        ({"decay": 1.5}, "strategy.ewc.decay is 1.5: choose from 0 to 1, or null"),
        ({"samples": 0}, "strategy.ewc has samples=0, batch=128: choose 1 and 2 or more"),
        ({"batch": 1}, "strategy.ewc has samples=512, batch=1: choose 1 and 2 or more"),
    ],
)
def test_numbers_out_of_range_are_a_sentence(options, words):
    with pytest.raises(InputError, match=words):
        Ewc(**options)
