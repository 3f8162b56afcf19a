"""A tower that remembers and generalises."""

from collections.abc import Sequence

import tensorflow as tf

from tfrec.layers.ranking.hidden import Hidden, Logit
from tfrec.layers.ranking.ids import Ids


class WideAndDeep(tf.keras.layers.Layer):
    """`w x + w_user + w_item + b + deep(x, user, item)`, learned together.

    Wide & Deep (Cheng et al., DLRS 2016). The features of pairs stand for the paper's crosses of user and item.

    Args:
        dim: length of the vectors of ids in the deep part.
        hidden: sizes of the deep part's hidden layers.
        dropout: rate after each hidden layer.
        seed: of the weights, the vectors and the dropout.

    Raises:
        InputError: a size is below 1, or the rate is not from 0 to below 1.
    """

    needs: tuple[str, ...] = ("item", "user", "user_known")

    def __init__(self, dim: int = 16, hidden: Sequence[int] = (64, 32), dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__(name="wide_and_deep")
        self.ids = Ids(dim, seed=seed, name="deep_ids")
        self.biases = Ids(1, stddev=0, seed=seed, name="wide_ids")
        self.wide = Logit(seed)
        self.hidden = Hidden(hidden, dropout, seed=seed + 1)
        self.logit = Logit(seed + 1 + len(hidden))

    def grow(self, users: int, items: int) -> bool:
        """Makes room for so many ids; returns whether a variable was replaced."""
        return any([self.ids.grow(users, items), self.biases.grow(users, items)])

    def call(self, features, training=False):
        """Logits `[n, L]` of `pairs` `[n, L, F]`, `item` `[n, L]`, `user` and `user_known` `[n]`."""
        biases = tf.cast(tf.squeeze(tf.add_n(self.biases(features)), -1), tf.float32)
        deep = self.hidden(tf.concat([features["pairs"], *self.ids(features)], -1), training=training)
        return self.wide(features["pairs"]) + biases + self.logit(deep)
