"""A small encoder-decoder transformer."""

import tensorflow as tf

from tfrec.layers.dropout import StatelessDropout


class Attention(tf.keras.layers.Layer):
    """Multi-head attention, `softmax(q k / sqrt(size)) v` of each head.

    Args:
        dim: of all vectors. heads: they divide dim.
    """

    def __init__(self, dim: int, heads: int, seed: int, name: str) -> None:
        super().__init__(name=name)
        self.dim, self.heads = dim, heads
        self.maps = [dense(dim, dim, seed + n, f"map_{n}") for n in range(4)]

    def call(self, asking, seen, mask):
        """What each place sees, `[n, asking, dim]`, of `seen` `[n, seen, dim]` where `mask` `[1 or n, asking or 1,
        seen]`."""
        query, key, value = (m(x) for m, x in zip(self.maps, (asking, seen, seen), strict=False))
        query, key, value = (
            tf.reshape(x, (tf.shape(x)[0], -1, self.heads, self.dim // self.heads)) for x in (query, key, value)
        )
        logits = tf.einsum("nqhd,nkhd->nhqk", query, key) * (self.dim // self.heads) ** -0.5
        share = tf.nn.softmax(tf.where(mask[:, None], tf.cast(logits, tf.float32), -1e9))
        found = tf.einsum("nhqk,nkhd->nqhd", tf.cast(share, value.dtype), value)
        return self.maps[3](tf.reshape(found, (tf.shape(found)[0], -1, self.dim)))


class Block(tf.keras.layers.Layer):
    """`x += attention(norm x)`, in a decoder `x += attention(norm x, memory)`, `x += MLP(norm x)`."""

    def __init__(self, dim: int, heads: int, decodes: bool, dropout: float, seed: int, name: str) -> None:
        super().__init__(name=name)
        self.own = Attention(dim, heads, seed, "own")
        self.other = Attention(dim, heads, seed + 10, "other") if decodes else None
        self.wide = dense(dim, 4 * dim, seed + 20, "wide")
        self.narrow = dense(4 * dim, dim, seed + 21, "narrow")
        parts = range(3 if decodes else 2)
        self.norms = [norm(dim, f"norm_{n}") for n in parts]
        self.dropouts = [StatelessDropout(dropout, seed + n, f"dropout_{n}") for n in parts]

    def call(self, x, mask, memory=None, memory_mask=None, training=False):
        """Vectors `[n, width, places, dim]` after the block; `width` sequences share the memory of a request,
        `[n, seen, dim]`."""
        n, width, places, dim = tf.shape(x)[0], tf.shape(x)[1], tf.shape(x)[2], x.shape[3]
        seen = tf.reshape(self.norms[0](x), (n * width, places, dim))
        x += self.dropouts[0](tf.reshape(self.own(seen, seen, mask), tf.shape(x)), training=training)
        if self.other is not None:
            asking = tf.reshape(self.norms[1](x), (n, width * places, dim))
            found = tf.reshape(self.other(asking, memory, memory_mask), tf.shape(x))
            x += self.dropouts[1](found, training=training)
        made = self.narrow(tf.nn.relu(self.wide(self.norms[-1](x))))
        return x + self.dropouts[-1](made, training=training)


class Stack(tf.keras.layers.Layer):
    """Some blocks and a norm; in a decoder a place sees itself and earlier ones.

    Args:
        decodes: whether it reads a memory.
    """

    def __init__(self, dim: int, blocks: int, heads: int, decodes: bool, dropout: float, seed: int, name: str) -> None:
        super().__init__(name=name)
        self.decodes, self.norm = decodes, norm(dim, "norm")
        self.blocks = [Block(dim, heads, decodes, dropout, seed + 100 * n, f"block_{n}") for n in range(blocks)]

    def call(self, x, memory_mask, memory=None, training=False):
        """Encoder: vectors `[n, seen, dim]` of tokens `[n, seen, dim]` and their mask `[n, seen]`. Decoder: vectors
        `[n, width, places, dim]` of prefixes of that shape and a memory `[n, seen, dim]`."""
        mask = memory_mask[:, None, :]
        if self.decodes:
            earlier = tf.linalg.band_part(tf.ones((x.shape[2], x.shape[2]), tf.bool), -1, 0)[None]
            for block in self.blocks:
                x = block(x, earlier, memory, mask, training=training)
            return self.norm(x)
        x = x[:, None]
        for block in self.blocks:
            x = block(x, mask, training=training)
        return self.norm(x)[:, 0]


def dense(inputs: int, outputs: int, seed: int, name: str) -> tf.keras.layers.Dense:
    """A built dense layer, with a name of its own: Keras's would differ from model to model, and with them the order in
    which TensorFlow adds up."""
    start = tf.keras.initializers.GlorotUniform(seed)
    layer = tf.keras.layers.Dense(outputs, kernel_initializer=start, name=name)
    layer.build((None, inputs))
    return layer


def norm(dim: int, name: str) -> tf.keras.layers.LayerNormalization:
    """A built layer normalisation of `[n, width, places, dim]`."""
    layer = tf.keras.layers.LayerNormalization(epsilon=1e-6, name=name)
    layer.build((None, None, None, dim))  # it takes the last of four axes
    return layer
