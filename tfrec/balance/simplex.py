"""Minima over weights that are 0 or more and add up to 1."""

from itertools import combinations

import tensorflow as tf


def minimum(linear: tf.Tensor, radius: tf.Tensor, products: tf.Tensor, sweeps: int) -> tf.Tensor:
    """In graph: `argmin over w of linear . w + radius |sum over k of w_k g_k|`, `[tasks]`, by moving weight between two
    tasks at a time, for each pair to where that is least: so it does not matter how long the gradients are.

    With t moved from task j to i, `|g_w + t (g_i - g_j)|^2 = a u^2 + d` for `u = t + b / a`, which
    `l t + radius sqrt(a u^2 + d)` has its least at `u = -l sqrt(d / (a (radius^2 a - l^2)))`, and at an end if
    `l^2 >= radius^2 a`.

    Args:
        linear: `[tasks]`. products: inner products of the gradients, `[tasks, tasks]`. sweeps: over all pairs.
    """
    tasks = products.shape[0]
    pairs = [tf.one_hot(i, tasks) - tf.one_hot(j, tasks) for i, j in combinations(range(tasks), 2)]
    weights = tf.fill([tasks], 1.0 / tasks)
    for _ in tf.range(sweeps):
        for pair in pairs:
            weights += _moved(weights, pair, linear, radius, products) * pair
    return weights


def _moved(weights: tf.Tensor, pair: tf.Tensor, linear: tf.Tensor, radius: tf.Tensor, products: tf.Tensor):
    """How much weight goes from the task that a pair has at -1 to the one at 1."""
    across = tf.linalg.matvec(products, pair)  # of each task's gradient with g_i - g_j
    a, b = tf.tensordot(pair, across, 1), tf.tensordot(weights, across, 1)
    c = tf.tensordot(weights, tf.linalg.matvec(products, weights), 1)
    slope = tf.tensordot(linear, pair, 1)
    d = tf.maximum(c - tf.math.divide_no_nan(b * b, a), 0.0)
    inside = radius * radius * a - slope * slope
    u = -slope * tf.sqrt(tf.math.divide_no_nan(d, a * tf.maximum(inside, 0.0)))
    best = tf.where(inside > 0, u - tf.math.divide_no_nan(b, a), -2.0 * tf.sign(slope))
    least = -tf.reduce_sum(weights * tf.maximum(pair, 0.0))
    return tf.clip_by_value(best, least, tf.reduce_sum(weights * tf.maximum(-pair, 0.0)))
