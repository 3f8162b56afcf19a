"""Gradients of a step that has more than one batch, or more than one task."""

from collections.abc import Callable, Sequence
from functools import reduce

import tensorflow as tf


def averaged(tape_fn: Callable, parts: tuple[dict, ...]):
    """In graph: the means of the losses and of the gradients of all parts, which are computed one after the other.

    A gradient of rows stays one of rows, so an optimizer that leaves absent rows alone still does.

    Args:
        tape_fn: from a batch to `(losses, gradients)`.
    """
    losses, slopes = tape_fn(parts[0])
    for part in parts[1:]:
        # One after the other: in parallel, all parts would hold their activations at once.
        with tf.control_dependencies([s for s in slopes if s is not None]):
            part = {key: tf.identity(values) for key, values in part.items()}
        more, found = tape_fn(part)
        losses = {name: loss + more[name] for name, loss in losses.items()}
        slopes = [added(a, b) for a, b in zip(slopes, found, strict=True)]
    count = len(parts)
    return {name: loss / count for name, loss in losses.items()}, [
        slope if slope is None or count == 1 else _times(slope, 1 / count) for slope in slopes
    ]


def inner_products(slopes: Sequence[list]) -> tf.Tensor:
    """In graph: inner products of the tasks' gradients, `[tasks, tasks]`, over all that more than one task moves.

    Args:
        slopes: of each task, a gradient a variable, or None where it does not move it.
    """
    products = tf.zeros([len(slopes)] * 2)
    for of_variable in zip(*slopes, strict=True):
        if sum(slope is not None for slope in of_variable) > 1:
            flat = _aligned(of_variable)
            products += tf.matmul(flat, flat, transpose_b=True)
    return products


def weighted_sum(slopes: Sequence[list], weights: tf.Tensor, of_own: bool) -> list:
    """In graph: `sum over tasks k of w_k g_k` of each variable.

    Args:
        slopes: see `inner_products`. weights: `[tasks]`.
        of_own: whether a gradient of one task alone has a weight too.
    """
    total = []
    for of_variable in zip(*slopes, strict=True):
        found = [(slope, weights[task]) for task, slope in enumerate(of_variable) if slope is not None]
        alone = len(found) == 1 and not of_own
        total.append(reduce(added, [slope if alone else _times(slope, weight) for slope, weight in found], None))
    return total


def _aligned(slopes: Sequence) -> tf.Tensor:
    """Gradients of one variable as vectors of the same places, `[tasks, n]`: of table rows, those that any task has."""
    found = [slope for slope in slopes if slope is not None]
    if not all(isinstance(slope, tf.IndexedSlices) for slope in found):
        flat = [None if slope is None else tf.reshape(tf.convert_to_tensor(slope), [-1]) for slope in slopes]
    else:
        sizes = [tf.shape(slope.indices)[0] for slope in found]
        places = iter(tf.split(_places(tf.concat([slope.indices for slope in found], axis=0)), sizes))
        rows = tf.add_n(sizes)
        flat = [
            None if slope is None else tf.reshape(tf.math.unsorted_segment_sum(slope.values, next(places), rows), [-1])
            for slope in slopes
        ]
    some = next(vector for vector in flat if vector is not None)
    return tf.stack([tf.zeros_like(some) if vector is None else vector for vector in flat])


def _places(rows: tf.Tensor) -> tf.Tensor:
    """A number below `n` for each of `[n]` rows, the same for the same row."""
    order = tf.argsort(rows)
    ordered = tf.gather(rows, order)
    fresh = tf.concat([[0], tf.cast(ordered[1:] != ordered[:-1], tf.int32)], axis=0)
    return tf.gather(tf.cumsum(fresh), tf.math.invert_permutation(order))


def added(a, b):
    """In graph: the sum of two gradients of a variable, of rows if both are; None is nothing."""
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, tf.IndexedSlices) and isinstance(b, tf.IndexedSlices):
        values, indices = tf.concat([a.values, b.values], 0), tf.concat([a.indices, b.indices], 0)
        return tf.IndexedSlices(values, indices, a.dense_shape)
    return tf.convert_to_tensor(a) + tf.convert_to_tensor(b)


def _times(slope, factor):
    if isinstance(slope, tf.IndexedSlices):
        return tf.IndexedSlices(slope.values * factor, slope.indices, slope.dense_shape)
    return slope * factor
