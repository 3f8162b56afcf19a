"""Learned keys and values in every attention."""

import keras
from keras import ops

from tfrec.errors import InputError, require
from tfrec.peft.peft import Added, Peft, blocks, train_only


class Prefix(Peft):
    """Attention over `[P_k; K]` and `[P_v; V]`, `length` learned rows of each in every layer (prefix tuning, Li and
    Liang, ACL 2021).

    The paper finds them by a network that is thrown away afterwards; here they are learned themselves. P_k is Gaussian
    of variance `1 / key size`; P_v is zero, so that a prefix takes attention from the words at first (which a
    normalisation that follows takes back in part), and gives nothing. `2 * layers * length * dim` weights.

    Args:
        length: rows of keys, and of values.
        seed: of the keys.

    Raises:
        InputError: the length is below 1; later, if the encoder's attention is not Keras's multi-head attention.
    """

    def __init__(self, length: int = 8, seed: int = 0) -> None:
        require(length >= 1, f"peft.length is {length}: choose 1 or more.")
        self.length, self.seed = length, seed

    def adapt(self, backbone):
        """See `Peft`."""
        added = []
        for number, block in enumerate(blocks(backbone)):
            attention = getattr(block, "_self_attention_layer", None)
            if not isinstance(attention, keras.layers.MultiHeadAttention):
                raise InputError(
                    f"peft=prefix needs Keras's multi-head attention, and {type(backbone).__name__} has "
                    f"{type(attention).__name__}: choose another peft."
                )
            block._tracker.unlock()
            block._self_attention_layer = Prefixed(attention, self.length, self.seed + number, f"{block.name}_prefix")
            block._tracker.lock()
            added.append(block._self_attention_layer)
        train_only(backbone, [variable for layer in added for variable in (layer.keys, layer.values)])
        return backbone


class Prefixed(Added):
    """Multi-head attention with learned rows of keys and values `[length, heads, size]` before those of the tokens."""

    def __init__(self, inner: keras.layers.MultiHeadAttention, length: int, seed: int, name: str) -> None:
        super().__init__(name, inner)
        small = keras.initializers.RandomNormal(stddev=inner.key_dim**-0.5, seed=seed)
        shape = (length, inner.num_heads)
        self.keys = self.add_weight(shape=(*shape, inner.key_dim), name="keys", initializer=small)
        self.values = self.add_weight(shape=(*shape, inner.value_dim), name="values", initializer="zeros")

    def call(self, query, value, key=None, attention_mask=None, training=None, **of_decoding):
        """As the attention inside. What a decoder needs to write word by word is refused."""
        if any(given is not None for given in of_decoding.values()):
            raise InputError("peft=prefix encodes texts, and writes none: choose another peft.")
        queries = self.inner.query_dense(query)
        keys = self._prefixed(self.keys, self.inner.key_dense(value if key is None else key))
        values = self._prefixed(self.values, self.inner.value_dense(value))
        if attention_mask is not None:
            before = ops.ones((*ops.shape(attention_mask)[:-1], self.keys.shape[0]), attention_mask.dtype)
            attention_mask = ops.concatenate([before, attention_mask], -1)
        output, _ = self.inner._compute_attention(queries, keys, values, attention_mask, training)
        return self.inner.output_dense(output)

    @staticmethod
    def _prefixed(rows, given):
        rows = ops.broadcast_to(ops.cast(rows, given.dtype), (ops.shape(given)[0], *rows.shape))
        return ops.concatenate([rows, given], 1)
