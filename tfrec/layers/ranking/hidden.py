"""The hidden layers that towers of ranking share."""

from collections.abc import Sequence

import tensorflow as tf

from tfrec.errors import require
from tfrec.layers.dropout import StatelessDropout


class Hidden(tf.keras.layers.Layer):
    """Dense layers one after the other, `x <- dropout(activation(W x + b))`, on the last axis.

    Args:
        sizes: outputs of each layer.
        dropout: rate after each layer.
        activation: of each layer, a name of tf_keras.
        seed: of the weights and of the dropout.

    Raises:
        InputError: a size is below 1, or the rate is not from 0 to below 1.
    """

    def __init__(self, sizes: Sequence[int], dropout=0.0, activation="relu", seed=0, name=None) -> None:
        super().__init__(name=name)
        require(all(size >= 1 for size in sizes), f"hidden layers of sizes {list(sizes)}: choose 1 or more for each.")
        require(0 <= dropout < 1, f"the dropout of a tower is {dropout}: choose from 0 to below 1.")
        self.dense = [dense(size, seed + n, activation) for n, size in enumerate(sizes)]
        self.dropouts = [StatelessDropout(dropout, seed + n) for n in range(len(sizes))]

    def call(self, inputs, training=False):
        """`[..., inputs]` to `[..., sizes[-1]]`."""
        for layer, dropout in zip(self.dense, self.dropouts, strict=True):
            inputs = dropout(layer(inputs), training=training)
        return inputs


class Logit(tf.keras.layers.Layer):
    """One number for each candidate, `w x + b`, in float32."""

    def __init__(self, seed: int = 0, name=None) -> None:
        super().__init__(name=name)
        self.dense = dense(1, seed)

    def call(self, inputs):
        """`[n, L, inputs]` to `[n, L]`."""
        return tf.cast(tf.squeeze(self.dense(inputs), -1), tf.float32)


def dense(size: int, seed: int, activation: str | None = None):
    """A dense layer whose first weights depend on `seed` and its shape alone."""
    start = tf.keras.initializers.GlorotUniform(seed)
    return tf.keras.layers.Dense(size, activation=activation, kernel_initializer=start)
