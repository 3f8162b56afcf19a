"""Random weights."""

import tensorflow as tf

from tfrec.balance.balance import Drawn


class Random(Drawn):
    """`w = K softmax(z)` with z normal, drawn in each step, of K tasks (random loss weighting, Lin et al., TMLR 2022).

    What another method gains must be more than what this does. The factor K leaves the mean weight at 1.
    """

    def weights(self, losses, products):
        """See `Balance`."""
        tasks = len(self.tasks)
        return tasks * tf.nn.softmax(tf.random.stateless_normal([tasks], self.key()))
