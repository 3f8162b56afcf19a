"""A tower of dense layers."""

from collections.abc import Sequence

import tensorflow as tf

from tfrec.layers.ranking.hidden import Hidden, Logit


class Mlp(tf.keras.layers.Layer):
    """Dense layers on the features of pairs, `w hidden(x) + b`; no ids.

    Args:
        hidden: sizes of the hidden layers; none makes it a linear model.
        dropout: rate after each hidden layer.
        seed: of the weights and of the dropout.

    Raises:
        InputError: a size is below 1, or the rate is not from 0 to below 1.
    """

    needs: tuple[str, ...] = ()

    def __init__(self, hidden: Sequence[int] = (64, 32), dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__(name="mlp")
        self.hidden = Hidden(hidden, dropout, seed=seed)
        self.logit = Logit(seed + len(hidden))

    def grow(self, users: int, items: int) -> bool:
        """There are no ids: nothing is replaced."""
        return False

    def call(self, features, training=False):
        """Logits `[n, L]` of `pairs` `[n, L, F]`."""
        return self.logit(self.hidden(features["pairs"], training=training))
