"""A model should not be worse than the one before it."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.distillation import Distillation


class ReLoop(Distillation):
    """`share / (1 - share)` times the self-correction loss, the sum over choices of `y max(p' - p, 0) +
    (1 - y) max(p - p', 0)`, with `p = softmax(z)` (ReLoop, Cai et al., SIGIR 2022).

    As the task's loss has weight 1 here, this is the published `share * L_sc + (1 - share) * L_task`, divided by
    `1 - share`.

    Args:
        share: from 0 to below 1.

    Raises:
        InputError: the share is out of range.
    """

    def __init__(self, share: float = 0.3) -> None:
        require(0 <= share < 1, f"strategy.reloop.share is {share}: choose from 0 to below 1.")
        super().__init__(share / (1 - share))

    def row_loss(self, now, before):
        """In graph, `[batch]`; see `Distillation`."""
        change = (tf.exp(now.log_p()) - tf.exp(before.log_p())) * now.real
        worse = now.chosen * tf.nn.relu(-change) + (1 - now.chosen) * tf.nn.relu(change)
        return tf.reduce_sum(worse, axis=1)
