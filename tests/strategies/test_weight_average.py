"""The average of an update's weights against the same steps made by hand."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.strategies.test_contract import make_state
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.models.stream_model import StreamModel
from tfrec.strategies.weight_average import WeightAverage


class Slope(StreamModel, tf.keras.Model):
    """A weight whose gradient is always 1: plain descent takes it from w to w - rate each step."""

    def __init__(self):
        super().__init__()
        self.w = self.add_weight("w", (), initializer="zeros")

    def compute_loss(self, features, training=False):
        return self.w * tf.reduce_mean(features["x"])


def test_an_update_ends_with_the_average_of_its_weights():
    """Weights 0, -1, -2 with momentum 0.5: a_1 = -0.5, a_2 = 0.5 * -0.5 + 0.5 * -2 = -1.25. The next update starts
    there: w = -2.25, a = 0.5 * -1.25 + 0.5 * -2.25 = -1.75."""
    strategy = WeightAverage(0.5)
    model = Slope()
    learner = Learner(model, tf_keras.optimizers.SGD(1.0), [strategy])
    batch = {"x": np.ones(4, np.float32)}
    learner.step(batch)
    learner.step(batch)
    assert model.w.numpy() == -2
    strategy.consolidate(learner, None)
    assert model.w.numpy() == -1.25
    learner.step(batch)
    strategy.consolidate(learner, None)
    assert model.w.numpy() == -1.75
    strategy.consolidate(learner, None)  # an update without a step changes nothing
    assert model.w.numpy() == -1.75


def test_a_momentum_of_zero_is_no_average():
    with_it, without = (make_state(WeightAverage(0.0)), make_state(WeightAverage(0.9)))
    plain = make_state(_Nothing())
    for one, other in zip(with_it.model.variables, plain.model.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    assert np.abs(without.model.item_table.table.numpy() - plain.model.item_table.table.numpy()).max() > 1e-3


class _Nothing(WeightAverage):
    def __init__(self):
        super().__init__()

    def after_step(self, model, before, slopes):
        pass

    def consolidate(self, learner, update):
        pass


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_a_momentum_out_of_range_is_a_sentence(momentum):
    with pytest.raises(InputError, match=r"strategy\.weight_average\.momentum is .*choose from 0 to below 1"):
        WeightAverage(momentum)
