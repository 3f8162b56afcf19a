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
        normal = tf.math.ndtri(tf.clip_by_value(self.uniform(tasks), 1e-6, 1 - 1e-6))
        return tasks * tf.nn.softmax(normal)
