"""Distillation of each score for itself."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.distillation import Distillation


class IncCtr(Distillation):
    """Sum over choices of `-p' log p - (1 - p') log(1 - p)`, `p = softmax(z / T)` (IncCTR, Wang et al., DLP-KDD 2020).

    Published for one score a row, `p = sigmoid(z / T)`. Of several choices, of which one is taken, p is the
    probability of each: their logits have no zero of their own, and sigmoids of them would all be near 1.

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
        said, log_p = tf.exp(before.log_p(self.temperature)), now.log_p(self.temperature)
        not_p = tf.math.log1p(-tf.minimum(tf.exp(log_p), 1 - 1e-6))  # finite where a choice is certain
        return -tf.reduce_sum(said * log_p + (1 - said) * not_p, axis=1)
