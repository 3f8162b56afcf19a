"""Minima over weights that are 0 or more and add up to 1."""

from collections.abc import Callable

import tensorflow as tf


def projected(values: tf.Tensor) -> tf.Tensor:
    """In graph: the nearest point of the simplex to a point `[n]` (Duchi et al., ICML 2008)."""
    falling = tf.sort(values, direction="DESCENDING")
    above = (tf.cumsum(falling) - 1) / tf.range(1.0, values.shape[0] + 1)
    # As many as stay above 0 are of the solution: the first ones.
    kept = tf.reduce_sum(tf.cast(falling > above, tf.int32))
    return tf.maximum(values - above[kept - 1], 0.0)


def descended(slope: Callable, curvature: Callable, tasks: int, steps: int) -> tf.Tensor:
    """In graph: where projected gradient steps come to from equal weights, `[tasks]`.

    Args:
        slope: from weights to the gradient. curvature: from weights to an upper bound of the second derivatives of what
            touches the objective there from above.
    """
    weights = tf.fill([tasks], 1.0 / tasks)
    for _ in tf.range(steps):
        weights = projected(weights - tf.math.divide_no_nan(slope(weights), curvature(weights)))
        weights = tf.ensure_shape(weights, [tasks])
    return weights


def largest(products: tf.Tensor) -> tf.Tensor:
    """In graph: an upper bound of the eigenvalues of inner products `[n, n]`."""
    return tf.minimum(tf.linalg.trace(products), tf.reduce_max(tf.reduce_sum(tf.abs(products), axis=1)))
