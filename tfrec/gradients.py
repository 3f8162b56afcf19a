"""Gradients of a step that has more than one batch."""

from collections.abc import Callable

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
        slopes = [_sum(a, b) for a, b in zip(slopes, found, strict=True)]
    count = len(parts)
    return {name: loss / count for name, loss in losses.items()}, [_divided(slope, count) for slope in slopes]


def _sum(a, b):
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, tf.IndexedSlices) and isinstance(b, tf.IndexedSlices):
        values, indices = tf.concat([a.values, b.values], 0), tf.concat([a.indices, b.indices], 0)
        return tf.IndexedSlices(values, indices, a.dense_shape)
    return tf.convert_to_tensor(a) + tf.convert_to_tensor(b)


def _divided(slope, count: int):
    if slope is None or count == 1:
        return slope
    if isinstance(slope, tf.IndexedSlices):
        return tf.IndexedSlices(slope.values / count, slope.indices, slope.dense_shape)
    return slope / count
