"""Small weights."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.strategy import Strategy


class L2(Strategy):
    """Adds `weight / 2 * sum_i w_i^2` over all trainable weights.

    Tuning a plain regulariser (this, or `model.dropout`) recovers much of what methods against forgetting gain, so it
    belongs into their comparison (ADER, RecSys 2020, table of ablations). Every step costs a pass over all weights.

    Args:
        weight: of the whole.

    Raises:
        InputError: the weight is negative.
    """

    def __init__(self, weight: float = 1e-6) -> None:
        require(weight >= 0, f"strategy.l2.weight is {weight}: choose 0 or more.")
        self.weight = weight

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: the weighted squares."""
        squares = [tf.nn.l2_loss(tf.cast(weight, tf.float32)) for weight in model.trainable_variables]
        return self.weight * tf.add_n(squares)
