"""Dropout that a killed run can repeat, on every device."""

import tensorflow as tf

from tfrec.replicas import rows_before


class StatelessDropout(tf.keras.layers.Layer):
    """Dropout whose mask depends only on (seed, number of training calls so far, position in the whole batch).

    tf_keras's own layer keeps its random state outside the checkpoint, and TensorFlow's stateless generators
    give other numbers under XLA once their key is not a constant. Here the count of calls is a variable, saved
    with the model, and the mask is a hash: the same with and without XLA.

    Args:
        rate: share of the inputs set to zero; the others are divided by `1 - rate`.
    """

    def __init__(self, rate: float, seed: int = 0, name=None) -> None:
        super().__init__(name=name)
        self.rate, self.seed = rate, seed
        once = tf.VariableAggregation.ONLY_FIRST_REPLICA  # all replicas count the same calls
        self.calls = tf.Variable(0, trainable=False, dtype=tf.int64, name="calls", aggregation=once)

    def call(self, inputs, training=False):
        """Inputs of any shape; the same shape returned."""
        if not training or self.rate == 0:
            return inputs
        keep = self.kept(tf.range(tf.size(inputs)) + rows_before(tf.size(inputs)))
        return tf.where(tf.reshape(keep, tf.shape(inputs)), inputs / (1 - self.rate), 0)

    def kept(self, numbers):
        """Which of `numbers` `[n]`, ints, this call keeps, bool `[n]`: the same for equal numbers. It is counted."""
        return self.uniform(numbers) >= self.rate

    def uniform(self, numbers):
        """Of `numbers` `[n]`, ints, draws from [0, 1), `[n]`: the same for equal numbers. The call is counted."""
        step = tf.cast(self.calls.assign_add(1), tf.uint32)
        key = mixed(tf.bitwise.bitwise_xor(step, mixed(tf.constant(self.seed % 2**32, tf.uint32))))
        bits = mixed(tf.bitwise.bitwise_xor(mixed(tf.cast(numbers, tf.uint32)), key))
        top = tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32))  # as many bits as float32 holds exactly
        return tf.cast(top, tf.float32) / 2**24


def mixed(bits):
    """A bijection of uint32 tensors in which every input bit moves every output bit (MurmurHash3's finaliser)."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits *= tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))
