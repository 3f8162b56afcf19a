import numpy as np
import pytest

from tests.strategies.small import Points, learn, learner_of, points
from tfrec.errors import InputError
from tfrec.loops.passes import Passes
from tfrec.strategies.si import Si

FIRST, SECOND = np.array([[2.0, 0.0], [4.0, 2.0]]), np.array([[-1.0, 3.0], [1.0, 1.0]])
RATE, WEIGHT, DAMPING = 0.2, 0.4, 0.1


def by_hand(w, rows, steps, importance, anchor):
    """Weights after an update, and the importance that it leaves.

    The loss of rows has the gradient w - mean, which alone counts as work; the penalty moves the weights too."""
    begin, work = w, np.zeros(2)
    for _ in range(steps):
        slope = w - rows.mean(axis=0)
        moved = -RATE * (slope + 2 * WEIGHT * importance * (w - anchor))
        work -= slope * moved
        w = w + moved
    return w, importance + np.maximum(work, 0) / ((w - begin) ** 2 + DAMPING)


def test_two_updates_written_out():
    strategy, model = Si(WEIGHT, DAMPING), Points()
    learner = learner_of(model, strategy, rate=RATE)
    w, importance = np.zeros(2), np.zeros(2)
    for period, rows in enumerate((FIRST, SECOND)):
        learn(learner, points(rows, period), 3)
        w, importance = by_hand(w, rows, 3, importance, anchor=w)
        np.testing.assert_allclose(model.w, w, rtol=1e-5)
        np.testing.assert_allclose(strategy.parts["omega"].variables[0], importance, rtol=1e-4)
        np.testing.assert_array_equal(strategy.parts["anchor"].variables[0], model.w)


def test_the_importance_of_one_step():
    """From 0 to the mean (3, 1) at rate 0.2: gradient (-3, -1), move (0.6, 0.2), work (1.8, 0.2), so
    1.8 / (0.36 + 0.1) = 3.913 and 0.2 / (0.04 + 0.1) = 1.4286."""
    strategy = Si(WEIGHT, DAMPING)
    learn(learner_of(Points(), strategy, rate=RATE), points(FIRST))
    np.testing.assert_allclose(strategy.parts["omega"].variables[0], [3.9130435, 1.4285715], rtol=1e-5)


def test_a_step_that_was_left_out_for_its_gradient_is_no_work():
    strategy = Si(WEIGHT, DAMPING)
    learn(learner_of(model := Points(), strategy, rate=RATE), points(FIRST))
    strategy.after_step(model, [model.w.numpy()], [np.array([np.inf, np.nan], np.float32)])
    np.testing.assert_array_equal(strategy.parts["work"].variables[0], [0, 0])


def test_the_importance_of_a_step_of_two_batches_is_that_of_their_mean_gradient():
    """As the step above: the gradients of the rows are (-2, 0) and (-4, -2)."""
    strategy = Si(WEIGHT, DAMPING)
    learner = learner_of(Points(), strategy, rate=RATE)
    learner.learn(points(FIRST), 1, 1, seed=0, passes=Passes(accumulation=2))
    np.testing.assert_allclose(strategy.parts["omega"].variables[0], [3.9130435, 1.4285715], rtol=1e-5)


def test_what_raised_the_loss_is_not_important():
    strategy, model = Si(WEIGHT, DAMPING), Points()
    learner = learner_of(model, strategy, rate=RATE)
    learn(learner, points(FIRST))
    before = strategy.parts["omega"].variables[0].numpy()
    strategy.parts["begin"].variables[0].assign(model.w)
    strategy.parts["work"].variables[0].assign([-1.0, 0.5])
    strategy.consolidate(learner, None)  # as if no weight had moved since, so 0.5 / (0 + 0.1)
    np.testing.assert_allclose(strategy.parts["omega"].variables[0], before + [0, 5], rtol=1e-5)
    assert not strategy.parts["work"].variables[0].numpy().any()


def test_restored_it_goes_on_exactly():
    results = []
    for restored in (False, True):
        strategy, model = Si(WEIGHT, DAMPING), Points()
        learner = learner_of(model, strategy, rate=RATE)
        learn(learner, points(FIRST), 2)
        if restored:
            copy = Si(WEIGHT, DAMPING)
            copy.restore({key: np.array(value) for key, value in strategy.state().items()})
            model = Points(model.w.numpy())
            learner = learner_of(model, copy, rate=RATE)
        learn(learner, points(SECOND, 1), 2)
        results.append(model.w.numpy())
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("options", [{"weight": -1.0}, {"damping": 0.0}])
def test_numbers_out_of_range_are_a_sentence(options):
    with pytest.raises(InputError, match="strategy.si has weight=.*, damping=.*: 0 or more, above 0"):
        Si(**options)
