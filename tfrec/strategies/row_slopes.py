"""Gradients of a model's loss by rows of its variables."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec.precision import gradients
from tfrec.slots import Same


class RowSlopes:
    """Which rows of each variable a batch reads, and the loss's gradient for them; two graphs, traced once a capacity.

    A row is what the last axis of a variable holds; a vector is one row, a number one row of width 1. The loss is that
    of the model without dropout, and without what strategies add.
    """

    def __init__(self) -> None:
        self._traced_for: Same | None = None

    def rows(self, learner, batch: dict[str, tf.Tensor]) -> list[np.ndarray | None]:
        """The rows `[n]` of each trainable variable that the loss of a batch depends on; None: of none.

        What the gradient's values would take is left out of this graph, so it costs less than a step.
        """
        self._trace(learner, batch)
        return [None if rows is None else rows.numpy() for rows in self._rows(batch)]

    def slopes(self, learner, batch: dict[str, tf.Tensor]) -> list[np.ndarray | None]:
        """The gradient for these rows, in their order, `[n, width]`."""
        self._trace(learner, batch)
        return [None if slope is None else slope.numpy() for slope in self._slopes(batch)]

    def _trace(self, learner, batch: dict[str, tf.Tensor]) -> None:
        variables = learner.model.trainable_variables
        if self._traced_for is not None and self._traced_for(variables) and self._keys == batch.keys():
            return
        found = _slopes_of(learner)
        signature = [{key: tf.TensorSpec([None, *v.shape[1:]], v.dtype) for key, v in batch.items()}]
        parts = [_part(found, number, signature) for number in (0, 1)]
        self._rows, self._slopes = parts
        self._traced_for, self._keys = Same(variables), batch.keys()


def rows_of(value: np.ndarray) -> np.ndarray:
    """A variable's value as rows, `[rows, width]`."""
    return value.reshape(-1, value.shape[-1] if value.ndim else 1)


def put(variable: tf.Variable, rows: np.ndarray, values: np.ndarray) -> None:
    """Sets rows of a variable, `[n]`, to values `[n, width]`."""
    if variable.shape.rank == 2 and len(rows) < variable.shape[0]:
        variable.scatter_update(tf.IndexedSlices(tf.cast(values, variable.dtype), tf.cast(rows, tf.int32)))
        return
    whole = rows_of(variable.numpy())
    whole[rows] = values
    variable.assign(whole.reshape(variable.shape))


def _slopes_of(learner) -> Callable:
    """In graph: of each variable its rows and their gradient, or None."""
    model, optimizer = learner.model, learner.optimizer

    def slopes(batch):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch, training=False)
        variables = model.trainable_variables
        return [_by_rows(*pair) for pair in zip(gradients(optimizer, tape, loss, variables), variables, strict=True)]

    return slopes


def _by_rows(slope, variable: tf.Variable):
    if slope is None:
        return None
    if isinstance(slope, tf.IndexedSlices) and variable.shape.rank == 2:
        rows, places = tf.unique(slope.indices)
        return rows, tf.math.unsorted_segment_sum(slope.values, places, tf.size(rows))
    whole = tf.reshape(tf.convert_to_tensor(slope), [-1, variable.shape[-1] if variable.shape.rank else 1])
    return tf.range(tf.shape(whole)[0]), whole


def _part(slopes: Callable, number: int, signature):
    return tf.function(
        lambda batch: [None if found is None else found[number] for found in slopes(batch)], input_signature=signature
    )
