"""Causal self-attention over a history."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.layers.dropout import StatelessDropout
from tfrec.layers.magnitude import BUCKETS, of_magnitude


class Transformer(tf.keras.layers.Layer):
    """SASRec (Kang and McAuley, ICDM 2018), the vector at the newest place; time gaps and counts instead of places.

    `x_h = sqrt(dim) item_h + gap[floor(log2 age_h)] + count[floor(log2 count_h)]`, then blocks of
    `x += attention(norm x)`, `x += MLP(norm x)`, in which an item sees itself and older ones. An empty history
    gives 0.

    Args:
        blocks: how many.
        heads: of the attention; they divide dim.
        dropout: rate on what each block adds.

    Raises:
        InputError: there are no blocks or heads, or the heads do not divide dim.
    """

    needs = ("history_age", "history_count")  # asked for, items come newest first

    def __init__(self, blocks: int = 1, heads: int = 1, dropout: float = 0.0, seed: int = 0, name=None) -> None:
        super().__init__(name=name)
        require(
            min(blocks, heads) >= 1, f"model.history.blocks={blocks}, model.history.heads={heads}: choose 1 or more."
        )
        self.blocks, self.heads, self.seed = blocks, heads, seed
        self.dropouts = [StatelessDropout(dropout, seed + n) for n in range(2 * blocks)]

    def build(self, shape) -> None:
        """Makes the blocks for items of `shape`, `[n, length, dim]`."""
        dim = shape[-1]
        require(dim % self.heads == 0, f"model.history.heads={self.heads} must divide model.dim={dim}.")
        self.gaps = self.add_weight("gaps", (BUCKETS, dim), initializer="zeros")
        self.counts = self.add_weight("counts", (BUCKETS, dim), initializer="zeros")
        self.norms = [tf.keras.layers.LayerNormalization(epsilon=1e-6) for _ in range(2 * self.blocks + 1)]
        sizes = [(dim, 3 * dim), (dim, dim), (dim, 2 * dim), (2 * dim, dim)] * self.blocks
        self.maps = []
        for number, (inputs, outputs) in enumerate(sizes):
            start = tf.keras.initializers.GlorotUniform(self.seed + number)
            self.maps.append(tf.keras.layers.Dense(outputs, kernel_initializer=start))
            self.maps[-1].build((None, None, inputs))
        for norm in self.norms:
            norm.build((None, None, dim))
        self.built = True

    def call(self, items, features, training=False):
        """Vectors `[n, dim]` of items `[n, length, dim]`, newest first, padding last."""
        real = features["history_weight"] > 0
        x = items * items.shape[-1] ** 0.5 + of_magnitude(self.gaps, features["history_age"], items.dtype)
        x += of_magnitude(self.counts, features["history_count"], items.dtype)
        for block in range(self.blocks):
            inward, outward, wide, narrow = self.maps[4 * block : 4 * block + 4]
            seen = outward(self._attend(inward(self.norms[2 * block](x)), real))
            x += self.dropouts[2 * block](seen, training=training)
            made = narrow(tf.nn.relu(wide(self.norms[2 * block + 1](x))))
            x += self.dropouts[2 * block + 1](made, training=training)
        return self.norms[-1](x[:, :1])[:, 0] * tf.cast(real[:, :1], items.dtype)

    def _attend(self, mapped, real):
        """What each place sees, `[n, length, dim]`, of queries, keys and values `[n, length, 3 dim]`."""
        n, length, dim = tf.shape(mapped)[0], tf.shape(mapped)[1], mapped.shape[-1] // 3
        split = tf.reshape(mapped, (n, length, 3, self.heads, dim // self.heads))
        query, key, value = tf.unstack(split, axis=2)  # [n, length, heads, size]
        logits = tf.einsum("nqhd,nkhd->nhqk", query, key) * (dim // self.heads) ** -0.5
        older = tf.linalg.band_part(tf.ones((length, length), tf.bool), 0, -1)  # places after this one
        seen = (older[None] & real[:, None, :])[:, None]
        share = tf.nn.softmax(tf.where(seen, tf.cast(logits, tf.float32), -1e9))
        return tf.reshape(tf.einsum("nhqk,nkhd->nqhd", tf.cast(share, value.dtype), value), (n, length, dim))
