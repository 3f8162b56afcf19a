"""P(id | request) by an encoder of the request and a decoder of the id's codes."""

import numpy as np
import tensorflow as tf

from tfrec.generative.transformer import Stack, dense
from tfrec.layers.magnitude import BUCKETS, of_magnitude

NEEDS = ("history_age", "history_count")


class IdModel(tf.keras.layers.Layer):
    """`P(id | request) = prod_l P(code_l | code_1 ... code_l-1, request)`, each a softmax over the codes of its place.

    The encoder reads the request, `start + U text(query)`, and a token for each item of the history,
    `sum_l codes[l, code_l] + gap[floor(log2 age)] + count[floor(log2 count)]`. The decoder reads the codes so far from
    the same table.

    Args:
        sizes: codes of each place of an id. dim: of all vectors.
        blocks: of the encoder and of the decoder each. heads: of each attention; they divide dim.
    """

    def __init__(self, sizes, dim: int, blocks: int, heads: int, dropout: float, seed: int, name="id_model") -> None:
        super().__init__(name=name)
        self.sizes, self.dim = list(sizes), dim
        self.offsets = np.cumsum([0, *sizes]).astype(np.int32)
        normal = tf.keras.initializers.RandomNormal
        self.codes = self.add_weight("codes", (self.offsets[-1], dim), initializer=normal(0, dim**-0.5, seed))
        self.places = self.add_weight("places", (len(sizes), dim), initializer=normal(0, dim**-0.5, seed + 1))
        self.begin = self.add_weight("begin", (dim,), initializer="zeros")
        self.gaps = self.add_weight("gaps", (BUCKETS, dim), initializer="zeros")
        self.counts = self.add_weight("counts", (BUCKETS, dim), initializer="zeros")
        self.heads = [dense(dim, size, seed + 2 + n, f"head_{n}") for n, size in enumerate(sizes)]
        self.query_map: tf.keras.layers.Dense | None = None
        self.encoder = Stack(dim, blocks, heads, False, dropout, seed + 1000, "encoder")
        self.decoder = Stack(dim, blocks, heads, True, dropout, seed + 2000, "decoder")
        self.seed = seed

    def read_texts(self, dim: int) -> None:
        """Makes the map U of text vectors of length `dim`."""
        self.query_map = dense(dim, self.dim, self.seed + 999, "query_map")

    def encode(self, features: dict, text=None, history=None, training=False):
        """The memory `[n, seen, dim]` and its mask `[n, seen]`.

        Args:
            features: `history_weight`, `history_age`, `history_count`, `[n, length]`, where there is a history.
            text: vectors `[n, text]` of what is asked, zeros where nothing is; None without texts.
            history: ids `[n, length, places]`; None without a history.
        """
        first = tf.cast(self.begin, self.compute_dtype)
        if text is not None:
            first = first + self.query_map(text)
        if history is None:
            n = tf.shape(text)[0]
            memory, mask = first[:, None], tf.ones((n, 1), tf.bool)
        else:
            items = tf.reduce_sum(self._embedded(history), axis=2)
            items += of_magnitude(self.gaps, features["history_age"], items.dtype)
            items += of_magnitude(self.counts, features["history_count"], items.dtype)
            first = tf.broadcast_to(first, (tf.shape(items)[0], self.dim))
            memory = tf.concat([first[:, None], items], axis=1)
            real = features["history_weight"] > 0
            mask = tf.concat([tf.ones_like(real[:, :1]), real], axis=1)
        return self.encoder(memory, mask, training=training), mask

    def code_log_p(self, ids, memory, mask, training=False):
        """log P of each code of ids `[n, width, places]` by teacher forcing, of the same shape, float32."""
        states = self._decoded(ids[..., :-1], memory, mask, training)
        found = []
        for place, head in enumerate(self.heads):
            of_codes = tf.nn.log_softmax(tf.cast(head(states[:, :, place]), tf.float32))
            found.append(tf.gather(of_codes, ids[..., place], batch_dims=2))
        return tf.stack(found, axis=2)

    def next_log_p(self, prefix, memory, mask):
        """log P of the code after prefixes `[n, width, place]`: `[n, width, codes of the place]`, float32."""
        state = self._decoded(prefix, memory, mask, False)[:, :, -1]
        return tf.nn.log_softmax(tf.cast(self.heads[prefix.shape[2]](state), tf.float32))

    def _decoded(self, prefix, memory, mask, training):
        """States `[n, width, place + 1, dim]`, of the beginning and of each code of prefixes `[n, width, place]`."""
        begin = tf.zeros((tf.shape(prefix)[0], tf.shape(prefix)[1], 1, self.dim), self.compute_dtype)
        x = tf.concat([begin, self._embedded(prefix)], axis=2)
        x += tf.cast(self.places[: prefix.shape[2] + 1], x.dtype)
        return self.decoder(x, mask, memory, training=training)

    def _embedded(self, codes):
        """Vectors `[..., places, dim]` of codes `[..., places]`."""
        rows = codes + self.offsets[: codes.shape[-1]]
        return tf.cast(tf.gather(self.codes, rows), self.compute_dtype)
