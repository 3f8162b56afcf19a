"""Weights that keep tasks at the same pace."""

import numpy as np
import tensorflow as tf

from tfrec.balance.balance import Balance
from tfrec.errors import require


class Gradnorm(Balance):
    """Weights w whose gradient norms `G_k = w_k |g_k|` follow the tasks' pace (GradNorm, Chen et al., ICML 2018).

    With `r_k = (L_k / L_k(0)) / (mean over tasks of L / L(0))`, steps along the gradient of
    `sum over k of |G_k - mean(G) r_k^alpha|`, the second part held: `rate * sign(G_k - mean(G) r_k^alpha) |g_k|`. After
    each, w is scaled to the mean 1. |g_k| is over all that several tasks move.

    Args:
        alpha: how strongly the slower tasks are pulled. rate: of the steps.
        least_weight: no weight falls below it before the scaling.

    Raises:
        InputError: a value is out of range.
    """

    needs_gradients = True

    def __init__(self, alpha: float = 1.5, rate: float = 0.025, least_weight: float = 0.01) -> None:
        super().__init__()
        require(alpha >= 0, f"balance.alpha is {alpha}: choose 0 or more.")
        require(rate > 0, f"balance.rate is {rate}: choose above 0.")
        require(0 < least_weight < 1, f"balance.least_weight is {least_weight}: choose between 0 and 1.")
        self.alpha, self.rate, self.least_weight = alpha, rate, least_weight

    def start(self, tasks):
        """See `Balance`: the weights, and the first step's losses, which are 0 before it."""
        return {"weights": np.ones(tasks, np.float32), "first": np.zeros(tasks, np.float32)}

    def weights(self, losses, products):
        """See `Balance`."""
        weights = tf.identity(self.variables["weights"])
        first = tf.where(self.variables["first"] > 0, self.variables["first"], losses)
        self.move("first", first)
        norms = tf.sqrt(tf.linalg.diag_part(products))
        pace = losses / first
        target = tf.reduce_mean(weights * norms) * (pace / tf.reduce_mean(pace)) ** self.alpha
        moved = weights - self.rate * tf.sign(weights * norms - target) * norms
        moved = tf.maximum(moved, self.least_weight)
        self.move("weights", moved / tf.reduce_mean(moved))
        return weights
