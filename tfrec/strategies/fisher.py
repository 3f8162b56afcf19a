"""Fisher information of a model's weights."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfrec.slots import Same


class Fisher:
    """Mean over rows of `(d log p(row) / d w)^2`, for each trainable variable, of its shape.

    Of each row for itself: the square of a batch's mean gradient would be smaller by about the size of the batch. The
    labels are those of the rows (the empirical Fisher information), and a row's choices are those of its batch,
    whatever number of rows is differentiated. Of a table, only the rows that a gradient reaches are touched. The graph
    is made once, for any number of rows, as long as the model's variables are the same: one that was made for a number
    could round otherwise than that of a run that has seen several.
    """

    def __init__(self) -> None:
        self._known, self._sums, self._add, self._takes = Same([]), [], None, None

    def __call__(self, model, batches: Sequence[dict[str, np.ndarray]]) -> list[tf.Tensor]:
        """Of rows with their features, as `Examples.rows` gives them."""
        if not batches:
            return [tf.zeros_like(weight) for weight in model.trainable_variables]
        count, found = 0, [model.batch(rows, learning=False) for rows in batches]
        takes = {key: tf.TensorSpec([None, *np.shape(values)[1:]], values.dtype) for key, values in found[0].items()}
        if self._takes != takes or not self._known(model.trainable_variables):
            self._trace(model, takes)
        for total in self._sums:
            total.assign(tf.zeros_like(total))
        for rows, batch in zip(batches, found, strict=True):
            number = len(rows["item"])
            self._add({key: tf.convert_to_tensor(values) for key, values in batch.items()}, tf.constant(number))
            count += number
        return [total / count for total in self._sums]

    def _trace(self, model, takes: dict[str, tf.TensorSpec]) -> None:
        weights = model.trainable_variables
        self._known = Same(weights)
        self._sums = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in weights]

        @tf.function(input_signature=[takes, tf.TensorSpec([], tf.int32)])
        def add(batch, rows):
            for row in tf.range(rows):
                with tf.GradientTape() as tape:
                    losses = model.task_losses(model(batch, training=False), batch, training=False).values()
                    own = tf.add_n([loss[row] for loss in losses])
                for total, slope in zip(self._sums, tape.gradient(own, weights), strict=True):
                    _add_square(total, slope)

        self._add, self._takes = add, takes


def _add_square(total: tf.Variable, slope) -> None:
    """In graph: a row's slope, squared; an entry that several places of a batch reach is summed first."""
    if isinstance(slope, tf.IndexedSlices):
        rows, place = tf.unique(slope.indices)
        values = tf.math.unsorted_segment_sum(slope.values, place, tf.size(rows))
        total.scatter_add(tf.IndexedSlices(tf.square(values), rows))
    elif slope is not None:
        total.assign_add(tf.square(slope))
