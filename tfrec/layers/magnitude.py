"""Vectors of ages and counts by their order of magnitude."""

import tensorflow as tf

BUCKETS = 16  # the last is of 2^15 and more


def of_magnitude(table, values, dtype):
    """`table[floor(log2 value)]`, `[..., dim]` of `dtype`; values below 1 count as 1.

    Args:
        table: `[BUCKETS, dim]`.
        values: `[...]`, ages or counts.
    """
    bucket = tf.math.log(tf.maximum(tf.cast(values, tf.float32), 1.0)) / tf.math.log(2.0)
    rows = tf.minimum(tf.cast(bucket + 1e-4, tf.int32), BUCKETS - 1)  # log(8) / log(2) may come out below 3
    return tf.cast(tf.gather(table, rows), dtype)
