"""A tower of crossed features."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec.errors import require
from tfrec.layers.ranking.hidden import Hidden, Logit


class Dcn(tf.keras.layers.Layer):
    """Crosses of the features of pairs, `x_{l+1} = x_0 * (W x_l + b) + x_l`, and dense layers; no ids.

    DCN-v2 (Wang et al., WWW 2021), with TFRS's layer. Dense layers take the last cross (stacked) or the features
    (parallel), in which case the logit is of both, side by side.

    Args:
        crosses: how many crosses; polynomials of degree `crosses + 1`.
        hidden: sizes of the dense layers.
        projection_dim: rank of W, which is then `V U`; None for all of it.
        structure: `stacked` or `parallel`.
        dropout: rate after each dense layer.
        seed: of the weights and of the dropout.

    Raises:
        InputError: `structure` is none of the two, a number is below 1, or the rate is not from 0 to below 1.
    """

    needs: tuple[str, ...] = ()

    def __init__(
        self,
        crosses: int = 2,
        hidden: Sequence[int] = (64, 32),
        projection_dim: int | None = None,
        structure: str = "stacked",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(name="dcn")
        require(crosses >= 1, f"model.tower.crosses is {crosses}: choose 1 or more.")
        low = projection_dim is None or projection_dim >= 1
        require(low, f"model.tower.projection_dim is {projection_dim}: choose 1 or more, or null.")
        allowed = structure in ("stacked", "parallel")
        require(allowed, f"model.tower.structure is '{structure}': choose stacked or parallel.")
        self.structure = structure
        self.crosses = [_cross(projection_dim, seed + n) for n in range(crosses)]
        self.hidden = Hidden(hidden, dropout, seed=seed + crosses)
        self.logit = Logit(seed + crosses + len(hidden))

    def grow(self, users: int, items: int) -> bool:
        """There are no ids: nothing is replaced."""
        return False

    def call(self, features, training=False):
        """Logits `[n, L]` of `pairs` `[n, L, F]`."""
        first = crossed = features["pairs"]
        for cross in self.crosses:
            crossed = cross(first, crossed)
        if self.structure == "stacked":
            return self.logit(self.hidden(crossed, training=training))
        return self.logit(tf.concat([crossed, self.hidden(first, training=training)], -1))


def _cross(projection_dim: int | None, seed: int):
    start = tf.keras.initializers.TruncatedNormal(stddev=0.05, seed=seed)
    return tfrs.layers.dcn.Cross(projection_dim, kernel_initializer=start)
