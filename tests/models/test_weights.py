"""Weights of another time, in a model that has grown since."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from tfrec.models.weights import Weights


def made(*values):
    return [tf.Variable(np.array(value, np.float32)) for value in values]


def test_weights_are_put_in_for_a_block_and_what_came_later_is_0_in_it():
    """A table of two rows has three later, and a second variable came after the copy."""
    model = SimpleNamespace(trainable_variables=made([[1.0], [2.0]]))
    then = Weights(model)
    model.trainable_variables = made([[5.0], [6.0], [7.0]], [8.0, 9.0])
    with then.applied():
        table, later = model.trainable_variables
        np.testing.assert_array_equal(table, [[1.0], [2.0], [0.0]])
        np.testing.assert_array_equal(later, [0.0, 0.0])
    np.testing.assert_array_equal(table, [[5.0], [6.0], [7.0]])
    np.testing.assert_array_equal(later, [8.0, 9.0])
