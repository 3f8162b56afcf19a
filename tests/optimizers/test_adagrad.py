"""The rows that are read first give the bits of tf_keras's Adagrad."""

import numpy as np
import pytest
import tensorflow as tf

from tests.optimizers.test_lazy_adam import ALL, DIM, ROWS, SOME, learned, table
from tfrec.optimizers.adagrad import Adagrad


@pytest.mark.parametrize("gradients", [ALL, SOME])
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"clipnorm": 0.5}, {"initial_accumulator_value": 1e-8}])
def test_equals_tf_keras_bit_for_bit(gradients, jit_compile, options):
    options = {"learning_rate": 0.05} | options
    expected, slots = learned(tf.keras.optimizers.Adagrad(**options), gradients)
    found, own = learned(Adagrad(**options), gradients, jit_compile)
    if jit_compile:  # XLA fuses a product and a sum
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        return
    np.testing.assert_array_equal(found, expected)
    assert own.keys() == slots.keys()
    for name, value in slots.items():
        np.testing.assert_array_equal(own[name], value, err_msg=name)


def test_the_first_step_by_hand():
    # a = 0.1 + 3^2 = 9.1, so w moves by -0.5 * 3 / sqrt(9.1 + 1e-7) = -0.49725...; row 1 is not in the batch
    variable = tf.Variable([[1.0], [2.0]])
    optimizer = Adagrad(0.5)
    optimizer.build([variable])
    optimizer.apply_gradients(
        [(tf.IndexedSlices(tf.constant([[3.0]]), tf.constant([0]), tf.constant([2, 1])), variable)]
    )
    np.testing.assert_allclose(variable.numpy(), [[1 - 1.5 / np.sqrt(9.1)], [2]], rtol=1e-6)


def test_dense_gradients_are_tf_keras():
    variables = table(), table()
    gradient = tf.constant(np.random.default_rng(3).normal(size=(ROWS, DIM)).astype(np.float32))
    for optimizer, variable in zip((Adagrad(0.1), tf.keras.optimizers.Adagrad(0.1)), variables, strict=True):
        optimizer.build([variable])
        optimizer.apply_gradients([(gradient, variable)])
    np.testing.assert_array_equal(variables[0].numpy(), variables[1].numpy())


def test_its_configuration_makes_it_again():
    again = Adagrad.from_config(Adagrad(0.3, 0.01, epsilon=1e-5).get_config())
    assert isinstance(again, Adagrad) and again.initial_accumulator_value == 0.01 and again.epsilon == 1e-5
    assert float(again.learning_rate) == pytest.approx(0.3)
