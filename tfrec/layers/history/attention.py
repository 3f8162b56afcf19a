"""Attention over the items of a history."""

import tensorflow as tf


class Attention(tf.keras.layers.Layer):
    """`W sum_h a_h item_h + b`, `a = softmax(log w_h + q . item_h + s log(age_h) + c log(1 + count_h))`.

    q, s and c are learned and start at zero, W as the identity: it starts as the weighted mean. An empty history
    gives `b`.
    """

    needs = ("history_age", "history_count")

    def build(self, shape) -> None:
        """Makes the variables for items of `shape`, `[n, length, dim]`."""
        self.query = self.add_weight("query", (shape[-1],), initializer="zeros")
        self.scales = self.add_weight("scales", (2,), initializer="zeros")
        self.map = tf.keras.layers.Dense(shape[-1], kernel_initializer="identity", name="map")
        self.map.build((None, shape[-1]))
        self.built = True

    def call(self, items, features, training=False):
        """Vectors `[n, dim]` of items `[n, length, dim]`; reads weights, ages and counts, `[n, length]` each."""
        weight, age, count = (
            tf.cast(features[name], tf.float32) for name in ("history_weight", "history_age", "history_count")
        )
        real = weight > 0
        scales = tf.cast(self.scales, tf.float32)
        logits = tf.cast(tf.linalg.matvec(items, tf.cast(self.query, items.dtype)), tf.float32)
        logits += scales[0] * tf.math.log(tf.maximum(age, 1.0)) + scales[1] * tf.math.log1p(count)
        logits += tf.math.log(tf.where(real, weight, 1.0))
        share = tf.nn.softmax(tf.where(real, logits, -1e9)) * tf.cast(real, tf.float32)
        return self.map(tf.linalg.matvec(items, tf.cast(share, items.dtype), transpose_a=True))
