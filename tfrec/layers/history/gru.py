"""A recurrent network over a history."""

import tensorflow as tf

from tfrec.layers.dropout import StatelessDropout


class Gru(tf.keras.layers.Layer):
    """`W h + b`, h the state of a GRU after the newest item; the empty history's h is 0.

    Hidasi et al., Session-based recommendations with recurrent neural networks, ICLR 2016.

    Args:
        dropout: rate on the items' vectors.
    """

    needs = ("history_age",)  # asked for, items come newest first

    def __init__(self, dropout: float = 0.0, seed: int = 0, name=None) -> None:
        super().__init__(name=name)
        self.seed = seed
        self.dropout = StatelessDropout(dropout, seed)

    def build(self, shape) -> None:
        """Makes the cell for items of `shape`, `[n, length, dim]`."""
        dim, glorot = shape[-1], tf.keras.initializers.GlorotUniform
        recurrent = tf.keras.initializers.Orthogonal(seed=self.seed + 1)
        cell = tf.keras.layers.GRUCell(dim, kernel_initializer=glorot(self.seed), recurrent_initializer=recurrent)
        self.rnn = tf.keras.layers.RNN(cell, go_backwards=True, name="rnn")
        self.rnn.build((None, None, dim))
        self.map = tf.keras.layers.Dense(dim, kernel_initializer=glorot(self.seed + 2), name="map")
        self.map.build((None, dim))
        self.built = True

    def call(self, items, features, training=False):
        """Vectors `[n, dim]` of items `[n, length, dim]`, newest first, padding last."""
        real = features["history_weight"] > 0
        return self.map(self.rnn(self.dropout(items, training=training), mask=real))
