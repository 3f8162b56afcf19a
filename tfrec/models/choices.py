"""What a model chooses from, as strategies see it."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Choices:
    """Scores of the choices that each row of a batch has, in graph.

    Args:
        logits: `[batch, choices]`, float32.
        chosen: which were taken, `[batch, choices]`, 0 or 1.
        real: which are no padding, 0 or 1, `[batch, choices]` or `[1, choices]`.
    """

    logits: tf.Tensor
    chosen: tf.Tensor
    real: tf.Tensor

    def log_p(self, temperature: float = 1.0) -> tf.Tensor:
        """`log softmax(logits / temperature)` over the real choices, `[batch, choices]`; very low for the others."""
        return tf.nn.log_softmax(tf.where(self.real > 0, self.logits / temperature, -1e9))
