"""A tower that looks at the history anew for each candidate."""

from collections.abc import Sequence

import tensorflow as tf

from tfrec.errors import require
from tfrec.layers.growing import GrowingTable
from tfrec.layers.ranking.hidden import Hidden, Logit


class Din(tf.keras.layers.Layer):
    """`hidden(x, c, sum_h w_h a(h, c) h)` with the attention `a(h, c) = unit([h, c, h - c, h * c])`.

    Deep Interest Network (Zhou et al., KDD 2018): a is not normalised over the history, so that its sum says how
    strong the interest is; w is the history's weight, 0 for padding. Items of the history and candidates are one table.
    The memory is `n * L * H * 4 dim` numbers.

    Args:
        dim: length of the item vectors.
        unit: sizes of the hidden layers of the attention, which are sigmoids as in the authors' code.
        hidden: sizes of the hidden layers.
        dropout: rate after each of the latter.
        seed: of the weights, the vectors and the dropout.

    Raises:
        InputError: a size is below 1, or the rate is not from 0 to below 1.
    """

    needs: tuple[str, ...] = ("item", "history", "history_weight")

    def __init__(
        self,
        dim: int = 16,
        unit: Sequence[int] = (32,),
        hidden: Sequence[int] = (64, 32),
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(name="din")
        require(dim >= 1, f"model.tower.dim is {dim}: choose 1 or more.")
        self.items = GrowingTable(dim, seed=seed, name="items")
        self.unit = Hidden(unit, activation="sigmoid", seed=seed, name="unit")
        self.interest = Logit(seed + len(unit))
        self.hidden = Hidden(hidden, dropout, seed=seed + len(unit) + 1)
        self.logit = Logit(seed + len(unit) + 1 + len(hidden))

    def grow(self, users: int, items: int) -> bool:
        """Makes room for so many items; returns whether the variable was replaced."""
        return self.items.grow(items)

    def call(self, features, training=False):
        """Logits `[n, L]` of `pairs` `[n, L, F]`, `item` `[n, L]`, `history` and `history_weight` `[n, H]`."""
        candidates = self.items(features["item"])  # [n, L, dim]
        history = self.items(features["history"])  # [n, H, dim]
        weights = self.attention(history, candidates) * tf.cast(features["history_weight"], history.dtype)[:, None]
        inputs = [features["pairs"], candidates, tf.matmul(weights, history)]
        return self.logit(self.hidden(tf.concat(inputs, -1), training=training))

    def attention(self, history, candidates):
        """How much each item of the history says about each candidate, `[n, L, H]`; not yet weighted."""
        pairs = candidates[:, :, None] * history[:, None]  # [n, L, H, dim]
        both = [history[:, None] + tf.zeros_like(pairs), candidates[:, :, None] + tf.zeros_like(pairs)]
        inputs = tf.concat([*both, both[0] - both[1], pairs], -1)
        return tf.cast(self.interest(self.unit(inputs)), history.dtype)
