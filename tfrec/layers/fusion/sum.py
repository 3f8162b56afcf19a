"""The sum of a candidate's parts."""

import tensorflow as tf


class Sum(tf.keras.layers.Layer):
    """`c = sum over parts p of p`."""

    needs = ()
    weighs = False

    def call(self, parts, features=None, known=None, training=False):
        """Vectors `[n, dim]` of parts `[n, dim]` each, added from the first to the last."""
        return sum(parts[1:], parts[0])
