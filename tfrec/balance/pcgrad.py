"""Gradients without what conflicts."""

import tensorflow as tf

from tfrec.balance.balance import Drawn


class Pcgrad(Drawn):
    """The sum of the tasks' gradients, each without its part against another's (PCGrad, Yu et al., NeurIPS 2020).

    For each task i, and each other j in random order: if `g_i' . g_j < 0`, then
    `g_i' <- g_i' - (g_i' . g_j / |g_j|^2) g_j`, with g_j as it was. All g' are sums of the g, so the inner products of
    these are enough. What one task alone moves is moved as by itself.

    Args:
        seed: of the orders.
    """

    needs_gradients = True
    of_own = False

    def weights(self, losses, products):
        """See `Balance`."""
        tasks = len(self.tasks)
        order = tf.argsort(self.uniform(tasks, tasks), axis=1)
        mixed = tf.eye(tasks)  # row i: g_i' as a sum of the g
        for place in range(tasks):
            other = tf.one_hot(order[:, place], tasks)
            along = tf.reduce_sum(tf.matmul(mixed, products) * other, axis=1)
            squared = tf.linalg.matvec(other, tf.linalg.diag_part(products))
            against = (along < 0) & (order[:, place] != tf.range(tasks))  # then neither is zero
            mixed -= tf.where(against, tf.math.divide_no_nan(along, squared), 0.0)[:, None] * other
        return tf.reduce_sum(mixed, axis=0)
