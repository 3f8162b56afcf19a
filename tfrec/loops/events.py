"""Steps on single events, inside one graph."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.learner import Learner


class EventSteps:
    """Predicts and learns events one by one inside one graph of fixed shapes.

    Args:
        learner: gives model, optimizer and step.
        label: which of the model's predictions to return.
        size: events in the graph's arrays; a shorter block is marked by its count, and the rest is never read.
    """

    def __init__(self, learner: Learner, label: str, size: int) -> None:
        self.learner, self.label, self.size = learner, label, size
        self._optimizer, self._compiled = None, None

    def __call__(self, examples: dict[str, np.ndarray], learn: bool = True) -> tuple[np.ndarray, float]:
        """Predictions `[n]` of the events in their order, and the mean of their losses (NaN without learning)."""
        learner, rows = self.learner, len(next(iter(examples.values())))
        examples = learner.model.table_rows(examples)
        if not learner.built:
            learner.build({key: values[:2] for key, values in examples.items()})
        if self._optimizer is not learner.optimizer:  # a table was replaced by a larger one
            self._optimizer = learner.optimizer
            self._compiled = tf.function(self._block, jit_compile=learner.jit_compile)
        predictions, losses = [], 0.0
        for start in range(0, rows, self.size):
            count = min(self.size, rows - start)
            block = {key: self._filled(values[start : start + count]) for key, values in examples.items()}
            predicted, loss = self._compiled(block, tf.constant(count), learn)
            predictions.append(predicted.numpy()[:count])
            losses += float(loss)
        if learn:
            learner.steps, learner.examples = learner.steps + rows, learner.examples + rows
        predictions = np.concatenate(predictions)
        require(
            bool(np.isfinite(predictions).all() and np.isfinite(losses)),
            "A prediction or a loss is not finite: lower optimizer.learning_rate.",
        )
        return predictions, losses / rows if learn else float("nan")

    def _filled(self, values: np.ndarray) -> tf.Tensor:
        return tf.convert_to_tensor(np.pad(values, [(0, self.size - len(values))] + [(0, 0)] * (values.ndim - 1)))

    def _block(self, block: dict[str, tf.Tensor], count: tf.Tensor, learn: bool):
        """In graph: predictions `[size]` and the sum of the losses of the first `count` events."""
        self.learner.traces += learn
        model, total = self.learner.model, tf.constant(0.0)
        predictions = tf.TensorArray(tf.float32, self.size, element_shape=[])
        for i in tf.range(count):
            event = {key: tf.gather(values, [i]) for key, values in block.items()}
            asked = {key: values for key, values in event.items() if key not in model.labels}
            predictions = predictions.write(i, model.predictions(asked)[self.label][0])
            if learn:
                total += self.learner.update((event,))["loss"]
        return predictions.stack(), total
