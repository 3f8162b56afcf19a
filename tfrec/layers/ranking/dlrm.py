"""A tower of inner products of embeddings and dense features."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec.layers.ranking.hidden import Hidden, Logit
from tfrec.layers.ranking.ids import Ids


class Dlrm(tf.keras.layers.Layer):
    """`top(z, <z, user>, <z, item>, <user, item>)` with `z = bottom(x)` of the features of pairs.

    DLRM (Naumov et al., 2019), with TFRS's layer of inner products. That layer leaves the upper half of the products
    in place as zeros, because taking it out has no fixed shape and so no XLA; weights of zeros stay as they start.

    Args:
        dim: length of the embeddings and of z.
        bottom: sizes of the layers from the features to z, without its own.
        top: sizes of the layers from the products to the logit.
        dropout: rate after each layer of both.
        seed: of the weights, the embeddings and the dropout.

    Raises:
        InputError: a size is below 1, or the rate is not from 0 to below 1.
    """

    needs: tuple[str, ...] = ("item", "user", "user_known")

    def __init__(
        self,
        dim: int = 16,
        bottom: Sequence[int] = (64,),
        top: Sequence[int] = (64, 32),
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(name="dlrm")
        self.ids = Ids(dim, seed=seed)
        self.bottom = Hidden([*bottom, dim], dropout, seed=seed, name="bottom")
        self.interaction = tfrs.layers.feature_interaction.DotInteraction(skip_gather=True)
        self.top = Hidden(top, dropout, seed=seed + len(bottom) + 1, name="top")
        self.logit = Logit(seed + len(bottom) + 1 + len(top))

    def grow(self, users: int, items: int) -> bool:
        """Makes room for so many ids; returns whether a variable was replaced."""
        return self.ids.grow(users, items)

    def call(self, features, training=False):
        """Logits `[n, L]` of `pairs` `[n, L, F]`, `item` `[n, L]`, `user` and `user_known` `[n]`."""
        dense = self.bottom(features["pairs"], training=training)  # [n, L, dim]
        vectors = [dense, *self.ids(features)]
        products = self.interaction([tf.reshape(vector, (-1, dense.shape[-1])) for vector in vectors])
        shape = tf.concat([tf.shape(dense)[:2], [len(vectors) ** 2]], 0)
        return self.logit(self.top(tf.concat([dense, tf.reshape(products, shape)], -1), training=training))
