"""From a vector of each token to one of the text."""

import keras
from keras import ops

from tfrec.errors import InputError, require

KINDS = ("mean", "cls", "max", "last", "attention")


class Pooling(keras.layers.Layer):
    """`e = M pool(h)` of the vectors `h` of a text's tokens, padding left out; 0 for a text of padding alone.

    `mean`, `max`; `cls`, of the first token, and `last`, of the last, which alone has seen all of them in a decoder;
    `attention`: `sum_t softmax_t(<w, h_t>) h_t` with w learned from 0 on, where it is the mean.

    Args:
        kind: one of these.
        dim: of the tokens' vectors. projection: of the text's, by a matrix M with orthonormal columns that learns if
            anything does; None leaves M out.
        seed: of M.

    Raises:
        InputError: the kind is none of these, or the projection is below 1 or above `dim`.
    """

    def __init__(self, kind: str, dim: int, projection: int | None = None, seed: int = 0) -> None:
        super().__init__(name="pooling", dtype="float32")  # sums of squares overflow float16
        if kind not in KINDS:
            raise InputError(f"encoder.pooling is '{kind}': choose {', '.join(KINDS[:-1])} or {KINDS[-1]}.")
        require(
            projection is None or 1 <= projection <= dim,
            f"encoder.projection is {projection}: choose 1 to {dim}, or null.",
        )
        self.kind, self.query, self.projection = kind, None, None
        if kind == "attention":
            self.query = self.add_weight(shape=(dim, 1), name="query", initializer="zeros")
        if projection is not None:
            start = keras.initializers.Orthogonal(seed=seed)
            self.projection = self.add_weight(shape=(dim, projection), name="projection", initializer=start)
        self.dim = projection or dim
        self.built = True

    def call(self, hidden, mask):
        """Vectors `[n, dim]`, float32, of hidden `[n, length, dim]` and a mask `[n, length]`, bool."""
        hidden, mask = ops.cast(hidden, "float32"), ops.cast(mask, "float32")[:, :, None]
        some = ops.max(mask, axis=1)  # [n, 1]
        vectors = self._pooled(hidden, mask) * some
        return vectors if self.projection is None else ops.matmul(vectors, self.projection)

    def _pooled(self, hidden, mask):
        if self.kind == "cls":
            return hidden[:, 0]
        if self.kind == "max":
            return ops.max(ops.where(mask > 0, hidden, -3e38), axis=1)
        if self.kind == "last":
            place = ops.cumsum(mask, axis=1) * mask  # 1, 2, ... n of the real tokens, 0 of padding
            weight = ops.cast(place == ops.max(place, axis=1, keepdims=True), "float32") * mask
        elif self.kind == "attention":
            weight = ops.softmax(ops.where(mask > 0, ops.matmul(hidden, self.query), -1e9), axis=1) * mask
        else:
            weight = mask / ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
        return ops.sum(hidden * weight, axis=1)
