"""A factorisation machine as a tower."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.layers.dropout import StatelessDropout
from tfrec.layers.ranking.hidden import Logit
from tfrec.layers.ranking.ids import Ids


class Fm(tf.keras.layers.Layer):
    """`b + sum_a w_a x_a + sum_{a<b} <v_a, v_b> x_a x_b` over the features of a pair, its user and its item.

    Factorisation machine (Rendle, ICDM 2010). The user's and the item's x are 1, a user's that is not known 0. The
    pairs are summed as `((sum_a v_a x_a)^2 - sum_a (v_a x_a)^2) / 2`, in time linear in the features.

    Args:
        dim: length of v.
        dropout: rate on the dim numbers whose sum the second order is.
        seed: of the weights, the vectors and the dropout.

    Raises:
        InputError: `dim` is below 1, or the rate is not from 0 to below 1.
    """

    needs: tuple[str, ...] = ("item", "user", "user_known")

    def __init__(self, dim: int = 16, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__(name="fm")
        require(0 <= dropout < 1, f"model.tower.dropout is {dropout}: choose from 0 to below 1.")
        self.dim, self.seed = dim, seed
        self.ids = Ids(dim, seed=seed, name="vector_ids")
        self.biases = Ids(1, stddev=0, seed=seed, name="weight_ids")
        self.linear = Logit(seed)
        self.dropout = StatelessDropout(dropout, seed)

    def build(self, shapes) -> None:
        """Makes the vectors of the features of pairs, `[F, dim]`."""
        start = tf.keras.initializers.RandomNormal(stddev=0.05, seed=self.seed)
        self.vectors = self.add_weight("vectors", (shapes["pairs"][-1], self.dim), initializer=start)
        super().build(shapes)

    def grow(self, users: int, items: int) -> bool:
        """Makes room for so many ids; returns whether a variable was replaced."""
        return any([self.ids.grow(users, items), self.biases.grow(users, items)])

    def call(self, features, training=False):
        """Logits `[n, L]` of `pairs` `[n, L, F]`, `item` `[n, L]`, `user` and `user_known` `[n]`."""
        pairs, (user, item) = features["pairs"], self.ids(features)
        biases = tf.cast(tf.squeeze(tf.add_n(self.biases(features)), -1), tf.float32)
        total = tf.matmul(pairs, self.vectors) + user + item  # [n, L, dim]
        squares = tf.matmul(pairs**2, self.vectors**2) + user**2 + item**2
        second = self.dropout((total**2 - squares) / 2, training=training)
        return self.linear(pairs) + biases + tf.reduce_sum(tf.cast(second, tf.float32), -1)
