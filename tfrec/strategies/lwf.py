"""Learning without forgetting."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.distillation import Distillation


class Lwf(Distillation):
    """`T^2 KL(softmax(z' / T) || softmax(z / T))`, z' the logits of before (LwF, Li and Hoiem, ECCV 2016).

    Args:
        weight, temperature: `weight` and T.

    Raises:
        InputError: the weight is negative, or the temperature is not above 0.
    """

    def __init__(self, weight: float = 1.0, temperature: float = 2.0) -> None:
        super().__init__(weight)
        require(temperature > 0, f"strategy.lwf.temperature is {temperature}: choose above 0.")
        self.temperature = temperature

    def row_loss(self, now, before):
        """In graph, `[batch]`; see `Distillation`."""
        return self.temperature**2 * divergence(now, before, self.temperature)


def divergence(now, before, temperature: float):
    """`KL(softmax(z' / T) || softmax(z / T))` of each row, `[batch]`, z' the logits of before, in graph."""
    said = before.log_p(temperature)
    return tf.reduce_sum(tf.exp(said) * (said - now.log_p(temperature)), axis=1)
