"""Weights by how uncertain a task is."""

import numpy as np
import tensorflow as tf

from tfrec.balance.balance import Balance
from tfrec.errors import require


class Uncertainty(Balance):
    """Minimises `sum over k of L_k / (2 e^s_k) + s_k / 2` over s too (Kendall et al., CVPR 2018): `w_k = e^-s_k / 2`.

    s takes plain steps along its gradient, `(1 - L_k e^-s_k) / 2`, of 1 at most, and comes to rest at `s_k = log L_k`,
    where each task has the same share of the sum.

    Args:
        start: of every s. rate: of its steps.

    Raises:
        InputError: the rate is not above 0.
    """

    def __init__(self, start: float = -0.5, rate: float = 0.025) -> None:
        super().__init__()
        require(rate > 0, f"balance.rate is {rate}: choose above 0.")
        self.first, self.rate = start, rate

    def start(self, tasks):
        """See `Balance`: s."""
        return {"s": np.full(tasks, self.first, np.float32)}

    def weights(self, losses, products):
        """See `Balance`."""
        s = tf.identity(self.variables["s"])
        self.move("s", s - tf.clip_by_value(self.rate * (1 - losses * tf.exp(-s)) / 2, -1.0, 1.0))
        return tf.exp(-s) / 2
