"""Decay by the penalty's slope, `weight * w`."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.models.stream_model import StreamModel
from tfrec.strategies.l2 import L2


class Flat(StreamModel, tf.keras.Model):
    """A weight of 2 that the loss does not depend on."""

    def __init__(self):
        super().__init__()
        self.w = self.add_weight("w", (3,), initializer=tf.keras.initializers.Constant(2.0))

    def compute_loss(self, features, training=False):
        return tf.reduce_sum(0 * self.w) + tf.reduce_mean(features["x"])


def test_a_step_takes_a_share_of_the_weight():
    """Rate 0.5, weight 0.1: each step multiplies by 1 - 0.05. The penalty is 0.1 / 2 * 3 * 2^2 = 0.6, the loss 1."""
    learner = Learner(Flat(), tf_keras.optimizers.SGD(0.5), [L2(0.1)])
    losses = learner.step({"x": np.ones(4, np.float32)})
    np.testing.assert_allclose(losses["loss"], 1.6, rtol=1e-6)
    learner.step({"x": np.ones(4, np.float32)})
    np.testing.assert_allclose(learner.model.w.numpy(), 2 * 0.95**2, rtol=1e-6)


def test_a_negative_weight_is_a_sentence():
    with pytest.raises(InputError, match=r"strategy\.l2\.weight is -1"):
        L2(-1)
