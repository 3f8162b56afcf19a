import numpy as np
import pytest
import tensorflow as tf

from tests.strategies.small import Points, learn, learner_of, points
from tfrec.memories.reservoir import Reservoir
from tfrec.strategies.agem import Agem, projected


def test_a_gradient_against_the_memory_loses_what_is_against_it():
    """g = (3, -4 | 1), r = (0, 2 | 0): <g, r> = -8, <r, r> = 4, so g + 2 r = (3, 0 | 1)."""
    slopes, reference = [tf.constant([3.0, -4.0]), tf.constant([1.0])], [tf.constant([0.0, 2.0]), tf.constant([0.0])]
    one, two = projected(slopes, reference)
    np.testing.assert_allclose(one, [3, 0])
    np.testing.assert_allclose(two, [1])


def test_it_is_one_projection_over_all_variables():
    """g = (2 | -3), r = (1 | 1): <g, r> = -1, <r, r> = 2, so g + r / 2 = (2.5 | -2.5); the first alone would stay."""
    one, two = projected([tf.constant([2.0]), tf.constant([-3.0])], [tf.constant([1.0]), tf.constant([1.0])])
    np.testing.assert_allclose([one[0], two[0]], [2.5, -2.5])


def test_rows_of_a_table_and_weights_without_a_gradient():
    """Rows 1 and 1 of a table are one gradient of 2 at row 1: <g, r> = -4, <r, r> = 4, so 2 - 2 = 0."""
    sparse = tf.IndexedSlices(tf.constant([[1.0], [1.0]]), tf.constant([1, 1]), tf.constant([3, 1]))
    found = projected([sparse, None], [tf.constant([[0.0], [-2.0], [0.0]]), None])
    np.testing.assert_allclose(found[0], [[0], [0], [0]])
    assert found[1] is None


@pytest.mark.parametrize("seed", range(8))
def test_the_result_does_not_go_against_the_memory_and_is_the_gradient_where_that_does_not(seed):
    rng = np.random.default_rng(seed)
    g, r = ([tf.constant(rng.normal(size=size), tf.float32) for size in (4, 3)] for _ in range(2))
    found = projected(g, r)
    product = sum(float(tf.reduce_sum(a * b)) for a, b in zip(g, r, strict=True))
    after = sum(float(tf.reduce_sum(a * b)) for a, b in zip(found, r, strict=True))
    assert after >= -1e-5
    if product >= 0:
        for one, two in zip(found, g, strict=True):
            np.testing.assert_array_equal(one, two)
    else:
        assert abs(after) < 1e-5


@pytest.mark.parametrize("rows, expected", [([-3.0, 4.0], [1, 2]), ([3.0, 4.0], [2, 2])])
def test_a_step_written_out(rows, expected):
    """The first update goes from 0 half way to (2, 0), that is to (1, 0), where the memory's gradient is (-1, 0).

    To (-3, 4) the gradient is (4, -4), against it by -4: without that part (0, -4), and half of it leads to (1, 2).
    To (3, 4) it is (-2, -4), which agrees: half of it leads to (2, 2).
    """
    model = Points()
    learner = learner_of(model, Agem(Reservoir(size=4), ratio=1.0))
    learn(learner, points([[2, 0], [2, 0]]))
    np.testing.assert_allclose(model.w, [1, 0])
    losses = learn(learner, points([rows, rows], period=1))
    np.testing.assert_allclose(model.w, expected, rtol=1e-6)
    assert losses["square"] == pytest.approx(((rows[0] - 1) ** 2 + 16) / 2)  # of the batch's own rows
