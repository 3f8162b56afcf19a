"""What a balance has done and met with in an update."""

from itertools import combinations

import numpy as np
import tensorflow as tf


def kept(start, name: str) -> tf.Variable:
    """A variable that each replica moves in the same way."""
    first = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.Variable(start, trainable=False, aggregation=first, name=f"balance/{name}")


class Seen:
    """Means over the steps since the last report, of K tasks: weights, cosines of gradients, and how often these are
    below 0.

    Args:
        tasks: names.
    """

    def __init__(self, tasks: list[str]) -> None:
        self.tasks, shape = tasks, [len(tasks)] * 2
        sizes = {"steps": [], "weights": shape[:1], "of_gradients": [], "cosines": shape, "conflicts": shape}
        self._sums = {key: kept(np.zeros(size, np.float32), key) for key, size in sizes.items()}

    def add(self, weights: tf.Tensor, products: tf.Tensor | None) -> None:
        """In graph: counts a step; steps whose numbers are not finite (float16 leaves them out) are not."""
        finite = tf.reduce_all(tf.math.is_finite(weights))
        found = {"steps": 1.0, "weights": weights}
        if products is not None:
            norms = tf.sqrt(tf.linalg.diag_part(products))
            cosines = tf.math.divide_no_nan(products, norms[:, None] * norms)
            finite &= tf.reduce_all(tf.math.is_finite(cosines))
            found |= {"of_gradients": 1.0, "cosines": cosines, "conflicts": tf.cast(products < 0, tf.float32)}
        for key, value in found.items():
            self._sums[key].assign_add(tf.where(finite, value, tf.zeros_like(value)))

    def report(self) -> dict[str, float]:
        """The means by tag, and a new beginning."""
        sums = {key: variable.numpy() for key, variable in self._sums.items()}
        for variable in self._sums.values():
            variable.assign(tf.zeros_like(variable))
        found = {}
        if sums["steps"]:
            means = sums["weights"] / sums["steps"]
            found |= {f"balance/weight/{task}": float(mean) for task, mean in zip(self.tasks, means, strict=True)}
        for one, other in combinations(range(len(self.tasks)), 2) if sums["of_gradients"] else ():
            pair = f"{self.tasks[one]}-{self.tasks[other]}"
            for what, name in (("cosines", "cosine"), ("conflicts", "conflict")):
                found[f"balance/{name}/{pair}"] = float(np.divide(sums[what][one, other], sums["of_gradients"]))
        return found
