"""A gate between an item's id and its content."""

import math

import tensorflow as tf

from tfrec.errors import require


class Gated(tf.keras.layers.Layer):
    """`c = g id + (1 - g) content`, `g = sigmoid(a log(1 + n) + b + w . content)`, n how often the item was bought.

    `content` is the sum of the other parts. It starts with a = 1, `b = -log(1 + half)` and w = 0, which is
    `g = (1 + n) / (1 + n + 1 + half)`: the rarer an item, the more its content counts. An item without a learned id
    has g = 0.

    Args:
        half: purchases at which both have the same share at the start.

    Raises:
        InputError: `half` is below 0.
    """

    needs = ("item_count",)
    weighs = True

    def __init__(self, half: float = 5.0, name=None) -> None:
        super().__init__(name=name)
        require(half >= 0, f"model.fusion.half is {half}: choose 0 or more.")
        self.half = half

    def build(self, shapes) -> None:
        """Makes the gate for parts of `shapes`, `[n, dim]` each."""
        start = tf.keras.initializers.Constant
        self.slope = self.add_weight("slope", (), initializer="ones")
        self.bias = self.add_weight("bias", (), initializer=start(-math.log1p(self.half)))
        self.content = self.add_weight("content", (shapes[0][-1],), initializer="zeros")
        self.built = True

    def call(self, parts, features, known=None, training=False):
        """Vectors `[n, dim]` of parts `[n, dim]` each, the id's first; reads `item_count` `[n]`.

        Args:
            known: whether an item has a learned id, `[n]` bool; None: all have.
        """
        own, content = parts[0], sum(parts[2:], parts[1])
        gate = self.gate(content, features["item_count"])
        if known is not None:
            gate *= tf.cast(known, gate.dtype)
        gate = tf.cast(gate, content.dtype)[:, None]
        return gate * own + (1 - gate) * content

    def gate(self, content, count):
        """The ids' shares, `[n]` float32, of content `[n, dim]` and counts `[n]`."""
        slope, bias, weights = (tf.cast(w, tf.float32) for w in (self.slope, self.bias, self.content))
        often = tf.math.log1p(tf.cast(count, tf.float32))
        return tf.sigmoid(slope * often + bias + tf.linalg.matvec(tf.cast(content, tf.float32), weights))
