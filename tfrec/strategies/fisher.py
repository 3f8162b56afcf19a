"""Fisher information of a model's weights."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def fisher(model, batches: Sequence[dict[str, np.ndarray]]) -> list[tf.Tensor]:
    """Mean over rows of `(d log p(row) / d w)^2`, for each trainable variable, of its shape.

    Of each row for itself: the square of a batch's mean gradient would be smaller by about the size of the batch. The
    labels are those of the rows (the empirical Fisher information), and a row's choices are those of its batch,
    whatever number of rows is differentiated.

    Args:
        batches: rows with their features, as `Examples.rows` gives them.
    """
    weights = model.trainable_variables
    sums = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in weights]

    @tf.function(reduce_retracing=True)
    def add(batch, rows):
        for row in tf.range(rows):
            with tf.GradientTape() as tape:
                losses = model.task_losses(model(batch, training=False), batch, training=False).values()
                own = tf.add_n([loss[row] for loss in losses])
            for total, slope in zip(sums, tape.gradient(own, weights), strict=True):
                if slope is not None:
                    total.assign_add(tf.square(tf.convert_to_tensor(slope)))

    count = 0
    for rows in batches:
        number = len(rows["item"])
        batch = {key: tf.convert_to_tensor(values) for key, values in model.batch(rows, learning=False).items()}
        add(batch, tf.constant(number))
        count += number
    return [total / max(1, count) for total in sums]
