"""The shortest sum of gradients."""

import tensorflow as tf

from tfrec.balance.balance import Balance
from tfrec.balance.simplex import minimum
from tfrec.errors import require_whole


class Mgda(Balance):
    """`w = argmin |sum over k of w_k g_k|^2`, w at least 0 and with the sum 1 (MGDA, Sener and Koltun, NeurIPS 2018).

    No task's loss rises along this direction; where it is 0, no direction lowers all. What one task alone moves is
    moved as by itself.

    Args:
        sweeps: over all pairs of tasks, to w.

    Raises:
        InputError: there are none.
    """

    needs_gradients = True
    of_own = False

    def __init__(self, sweeps: int = 30) -> None:
        super().__init__()
        require_whole("balance.sweeps", sweeps, 1)
        self.sweeps = sweeps

    def weights(self, losses, products):
        """See `Balance`."""
        return minimum(tf.zeros(len(self.tasks)), tf.constant(1.0), products, self.sweeps)
