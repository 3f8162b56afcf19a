"""Dropout that a killed run can repeat."""

import tensorflow as tf


class StatelessDropout(tf.keras.layers.Layer):
    """Dropout whose mask depends only on (seed, number of training calls so far).

    tf_keras's own layer keeps its random state outside the checkpoint. Here the count of calls is a variable:
    it is saved with the model, and the mask is the same with and without XLA.

    Args:
        rate: share of the inputs set to zero; the others are divided by `1 - rate`.
    """

    def __init__(self, rate: float, seed: int = 0, name=None) -> None:
        super().__init__(name=name)
        self.rate, self.seed = rate, seed
        self.calls = tf.Variable(0, trainable=False, dtype=tf.int64, name="calls")

    def call(self, inputs, training=False):
        """Inputs of any shape; the same shape returned."""
        if not training or self.rate == 0:
            return inputs
        key = tf.stack([tf.constant(self.seed, tf.int64), self.calls.assign_add(1)])
        keep = tf.random.stateless_uniform(tf.shape(inputs), seed=key) >= self.rate
        return tf.where(keep, inputs / (1 - self.rate), 0)
