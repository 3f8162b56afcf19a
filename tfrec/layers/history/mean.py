"""The weighted mean of a history."""

import tensorflow as tf


class Mean(tf.keras.layers.Layer):
    """`W sum_h w_h item_h + b`; W starts as the identity. An empty history gives `b`."""

    needs = ()

    def build(self, shape) -> None:
        """Makes the map for items of `shape`, `[n, length, dim]`."""
        self.map = tf.keras.layers.Dense(shape[-1], kernel_initializer="identity", name="map")
        self.map.build((None, shape[-1]))
        self.built = True

    def call(self, items, features, training=False):
        """Vectors `[n, dim]` of items `[n, length, dim]`; reads `history_weight` `[n, length]`."""
        weights = tf.cast(features["history_weight"], items.dtype)
        return self.map(tf.linalg.matvec(items, weights, transpose_a=True))
