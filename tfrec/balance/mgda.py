"""The shortest sum of gradients."""

import tensorflow as tf

from tfrec.balance.balance import Balance
from tfrec.balance.simplex import descended, largest
from tfrec.errors import require_whole


class Mgda(Balance):
    """`w = argmin |sum over k of w_k g_k|^2`, w at least 0 and with the sum 1 (MGDA, Sener and Koltun, NeurIPS 2018).

    No task's loss rises along this direction; where it is 0, no direction lowers all. What one task alone moves is
    moved as by itself.

    Args:
        steps: projected gradient steps to w.

    Raises:
        InputError: there are none.
    """

    needs_gradients = True
    of_own = False

    def __init__(self, steps: int = 100) -> None:
        super().__init__()
        require_whole("balance.steps", steps, 1)
        self.steps = steps

    def weights(self, losses, products):
        """See `Balance`."""
        bound = largest(products)
        return descended(lambda w: tf.linalg.matvec(products, w), lambda w: bound, len(self.tasks), self.steps)
