"""The mean gradient, turned towards the task that gains least."""

import tensorflow as tf

from tfrec.balance.balance import Balance
from tfrec.balance.simplex import minimum
from tfrec.errors import require, require_whole


class Cagrad(Balance):
    """`K argmax over d of min over k of g_k . d, with |d - g_0| <= c |g_0|` and g_0 the mean (CAGrad, Liu et al.,
    NeurIPS 2021).

    `d = g_0 + c |g_0| / |g_w| g_w` with `w = argmin g_w . g_0 + c |g_0| |g_w|` over weights of the sum 1, and
    `g_w = sum over k of w_k g_k`. It is divided by `1 + c^2` where `scaled`, as in the paper's experiments. The factor
    K makes c = 0 the sum. What one task alone moves is moved as by itself.

    Args:
        c: 0 is the sum; below 1, the method still comes to a minimum of it.
        scaled: see above. sweeps: over all pairs of tasks, to w.

    Raises:
        InputError: a value is out of range.
    """

    needs_gradients = True
    of_own = False

    def __init__(self, c: float = 0.5, scaled: bool = True, sweeps: int = 30) -> None:
        super().__init__()
        require(0 <= c, f"balance.c is {c}: choose 0 or more.")
        require_whole("balance.sweeps", sweeps, 1)
        self.c, self.scaled, self.sweeps = c, scaled, sweeps

    def weights(self, losses, products):
        """See `Balance`."""
        tasks = len(self.tasks)
        with_mean = tf.reduce_mean(products, axis=1)  # g_k . g_0
        radius = self.c * tf.sqrt(tf.maximum(tf.reduce_mean(with_mean), 0.0))  # below 0 by rounding alone
        w = minimum(with_mean, radius, products, self.sweeps)
        norm = tf.sqrt(tf.maximum(tf.tensordot(w, tf.linalg.matvec(products, w), 1), 0.0))
        direction = 1.0 / tasks + tf.math.divide_no_nan(radius, norm) * w
        return tasks * direction / (1 + self.c**2 if self.scaled else 1.0)
