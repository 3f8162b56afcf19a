"""Small steps at the beginning of each update."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.slots import inner
from tfrec.strategies.strategy import Strategy


class WarmUp(Strategy):
    """Step s of an update, from 1 on, has the learning rate `rate * min(1, s / steps)` (Goyal et al., 2017).

    After an update, what the optimizer knows of the last period's gradients (its moments) is old; small steps give it
    time to learn of the new one's.

    Args:
        steps: until the rate is whole.

    Raises:
        InputError: fewer than 1; when the run begins to learn, a learning rate that is a schedule already.
    """

    def __init__(self, steps: int = 20) -> None:
        require(steps >= 1, f"strategy.warm_up.steps is {steps}: choose 1 or more.")
        self.steps = steps
        self._optimizer, self._whole = None, 0.0
        self._first = tf.Variable(0, trainable=False, dtype=tf.int64)  # steps before the update

    def prepare(self, learner, update):
        """Begins to count."""
        self._optimizer = inner(learner.optimizer)
        require(
            not isinstance(self._optimizer._learning_rate, tf.keras.optimizers.schedules.LearningRateSchedule),
            "optimizer.learning_rate is a schedule, and strategy=warm_up sets the rate of each step: choose one.",
        )
        self._whole = float(self._optimizer.learning_rate.numpy())
        self._first.assign(self._optimizer.iterations)
        return update

    def gradients(self, tape_fn, batch: dict):
        """In graph: sets the rate of the step that follows."""
        number = tf.cast(self._optimizer.iterations - self._first + 1, tf.float32)
        share = tf.minimum(1.0, number / self.steps)
        rate = self._optimizer.learning_rate
        rate.assign(tf.cast(share * self._whole, rate.dtype))
        return tape_fn(batch)

    def consolidate(self, learner, update) -> None:
        """Gives the optimizer its whole rate back."""
        inner(learner.optimizer).learning_rate.assign(self._whole)
