from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.strategies.small import Points, learn, learner_of, points
from tests.strategies.test_weight_average import Slope
from tfrec.errors import InputError
from tfrec.strategies.soup import Soup


def test_scores_are_by_the_mean_and_learning_goes_on_from_the_newest():
    """At rate 1/2 each update goes half way to its row: 4, then 4 -> 0 gives 2, then 2 -> 8 gives 5, then 5 -> 1
    gives 3. Means of the last two: 4, 3, 7/2, 4. (From the means, the newest would be 4, 2, 11/2.)"""
    learner = learner_of(model := Points((0.0,)), Soup(2))
    found = []
    for period, x in enumerate([8.0, 0.0, 8.0, 1.0]):
        learn(learner, points([[x]], period))
        found.append(float(model.w[0]))
    assert found == [4, 3, 3.5, 4]


def test_restored_it_goes_on_exactly():
    strategy, copy = Soup(3), Soup(3)
    learner = learner_of(model := Points(), strategy)
    for period in range(2):
        learn(learner, points([[period, 2.0]], period))
    copy.restore({key: np.array(value) for key, value in strategy.state().items()})
    other = Points(model.w.numpy())
    for one in (learner, learner_of(other, copy)):
        learn(one, points([[5.0, 7.0]], 2))
    np.testing.assert_array_equal(model.w, other.w)
    assert len(strategy.state()) == len(copy.state()) == 3


def test_a_weight_that_is_one_number():
    """w goes down by 1 each step: -1, -2, mean -1.5; from -2 to -3, mean of -2 and -3."""
    strategy, model = Soup(2), Slope()
    learner = learner_of(model, strategy, rate=1.0)
    for expected in (-1, -1.5, -2.5):
        strategy.prepare(learner, None)
        learner.step({"x": np.ones(4, np.float32)})
        strategy.consolidate(learner, None)
        assert model.w.numpy() == expected


def holder(values):
    return SimpleNamespace(model=SimpleNamespace(trainable_variables=[tf.Variable(values, dtype=tf.float32)]))


def value(learner):
    return learner.model.trainable_variables[0].numpy().tolist()


def test_a_table_that_was_smaller_counts_with_the_newest_rows():
    """Rows 2 and 4 of one row, then 4 and 8 and a new row of 6: the means are (2 + 4) / 2 and 6."""
    strategy, small = Soup(2), holder([[2.0]])
    strategy.consolidate(small, None)
    large = holder([[4.0], [6.0]])
    strategy.consolidate(large, None)
    assert value(large) == [[3], [6]]
    strategy.prepare(large, None)
    assert value(large) == [[4], [6]]


def test_rows_that_started_since_keep_their_start():
    """The second row was given to another id after the update, at 9, and the table grew by a row, at 7."""
    strategy = Soup(2)
    for values in ([[2.0], [2.0]], [[4.0], [6.0]]):
        learner = holder(values)
        strategy.consolidate(learner, None)
    assert value(learner) == [[3], [4]]
    grown = holder([[3.0], [9.0], [7.0]])
    strategy.prepare(grown, None)
    assert value(grown) == [[4], [9], [7]]


def test_fewer_than_one_update_is_a_sentence():
    with pytest.raises(InputError, match="strategy.soup.last is 0: choose 1 or more updates"):
        Soup(0)
