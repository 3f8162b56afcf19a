"""Distillation of each score for itself."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.distillation import Distillation


class IncCtr(Distillation):
    """Mean over choices of `-p' log p - (1 - p') log(1 - p)`, `p = sigmoid(z / T)` (IncCTR, Wang et al., DLP-KDD 2020).

    The other two parts of IncCTR are options of their own: new ids from so many events on (`model.item_rows.admission`)
    and a lower rate of what is known (`strategy=id_rates`).

    Args:
        weight, temperature: `weight` and T.

    Raises:
        InputError: the weight is negative, or the temperature is not above 0.
    """

    def __init__(self, weight: float = 0.25, temperature: float = 1.0) -> None:
        super().__init__(weight)
        require(temperature > 0, f"strategy.inc_ctr.temperature is {temperature}: choose above 0.")
        self.temperature = temperature

    def row_loss(self, now, before):
        """In graph, `[batch]`; see `Distillation`."""
        said = tf.sigmoid(before.logits / self.temperature)
        each = tf.nn.sigmoid_cross_entropy_with_logits(said, now.logits / self.temperature)
        real = tf.broadcast_to(now.real, tf.shape(each))
        return tf.reduce_sum(each * real, axis=1) / tf.reduce_sum(real, axis=1)
