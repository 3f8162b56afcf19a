"""Dense layers on a candidate's parts."""

from collections.abc import Sequence

import tensorflow as tf

from tfrec.layers.ranking.hidden import Hidden, dense


class Mlp(tf.keras.layers.Layer):
    """`c = W hidden([p_1, ..., p_k]) + b`, `hidden` ReLU layers on all parts side by side.

    A part that is not there (an id that was dropped) is zeros, which the layers learn to do without.

    Args:
        hidden: sizes of the hidden layers; none makes it a linear map.
        dropout: rate after each hidden layer.

    Raises:
        InputError: a size is below 1, or the rate is not from 0 to below 1.
    """

    needs = ()
    weighs = False

    def __init__(self, hidden: Sequence[int] = (128,), dropout: float = 0.0, seed: int = 0, name=None) -> None:
        super().__init__(name=name)
        self.seed = seed
        self.hidden = Hidden(hidden, dropout, seed=seed)

    def build(self, shapes) -> None:
        """Makes the layers for parts of `shapes`, `[n, dim]` each."""
        sizes = [sum(shape[-1] for shape in shapes), *(layer.units for layer in self.hidden.dense)]
        self.map = dense(shapes[0][-1], self.seed + len(self.hidden.dense))
        for layer, inputs in zip([*self.hidden.dense, self.map], sizes, strict=True):
            layer.build((None, inputs))
        self.built = True

    def call(self, parts, features=None, known=None, training=False):
        """Vectors `[n, dim]` of parts `[n, dim]` each."""
        return self.map(self.hidden(tf.concat(parts, axis=1), training=training))
