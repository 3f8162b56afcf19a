"""ASMG's network against Keras's GRU, and from where an update learns."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.strategies.test_transfer import started, update_of
from tfrec.errors import InputError
from tfrec.strategies.asmg import Asmg


def test_the_network_is_keras_s_gru_over_each_entry():
    """Keras writes `z * h + (1 - z) * c`: its z is 1 minus this one, which is a sigmoid of the opposite sign."""
    rng = np.random.default_rng(0)
    strategy = Asmg(hidden=3)
    values = [rng.normal(size=v.shape).astype(np.float32) for v in strategy.first_weights(rng, 5)]
    stack = rng.normal(size=(4, 5, 6)).astype(np.float32)  # [rows, width, models]
    gru = tf_keras.layers.GRU(3, reset_after=False)
    gru.build((None, 6, 1))
    sign = np.repeat([-1, 1, 1], 3)
    gru.set_weights([value * sign for value in values[:3]])
    expected = stack[..., -1] + (gru(stack.reshape(20, 6, 1)) @ values[3]).numpy().reshape(4, 5)
    np.testing.assert_allclose(strategy.rows(values, tf.constant(stack)), expected, rtol=1e-5, atol=1e-6)


def test_it_starts_as_the_newest_weights():
    models = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    np.testing.assert_array_equal(Asmg().networks(0, list(models)), models[-1])


def test_learning_goes_on_from_the_plain_weights_and_the_last_of_them_are_joined():
    strategy, learner = started(Asmg, last=2)
    plain = [weights[0].copy() for weights in strategy._inputs]
    learner.model.table.assign_add(np.full((6, 2), 0.1))  # what an update has learned
    strategy.consolidate(learner, None)
    left = strategy._inputs[-1][0].copy()
    assert len(strategy._inputs) == 2 and np.abs(learner.model.table.numpy() - left).max() > 1e-3
    np.testing.assert_array_equal(strategy._inputs[0][0], plain[1])
    np.testing.assert_array_equal(learner.model.table.numpy(), strategy.networks(0, [plain[1], left]))
    strategy.prepare(learner, update_of([0, 1, 2]))
    np.testing.assert_array_equal(learner.model.table.numpy(), left)
    strategy.consolidate(learner, None)  # an update that moved nothing: two models that are the same
    np.testing.assert_array_equal(learner.model.table.numpy(), left)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"last": 1}, "strategy.asmg has last=1, hidden=4: choose 2 and 1 or more"),
        ({"hidden": 0}, "strategy.asmg has last=3, hidden=0: choose 2 and 1 or more"),
        ({"steps": 0}, "strategy.asmg has steps=0, batch=1024: choose 1 and 2 or more"),
        ({"learning_rate": -1.0}, "strategy.asmg.learning_rate is -1.0: choose above 0"),
    ],
)
def test_numbers_out_of_range_are_a_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Asmg(**options)
