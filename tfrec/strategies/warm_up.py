"""Small steps at the beginning of each update, and at its end."""

import math

import tensorflow as tf

from tfrec.errors import require
from tfrec.slots import inner
from tfrec.strategies.strategy import Strategy


class WarmUp(Strategy):
    """Step s of an update, from 1 on, has the learning rate `rate * min(1, s / steps)` (Goyal et al., 2017).

    After an update, what the optimizer knows of the last period's gradients (its moments) is old; small steps give it
    time to learn of the new one's. With `decay`, the rate of a step after the rise is `rate * (floor + (1 - floor)
    (1 + cos(pi min(1, (s - steps) / decay))) / 2)`, and whole again in the next update (Loshchilov and Hutter, SGDR,
    ICLR 2017).

    Args:
        steps: until the rate is whole. decay: steps after these until it has fallen; None keeps it whole.
        floor: what it falls to, as a share of the rate.

    Raises:
        InputError: fewer than 1 of either, a floor outside of 0 to 1; when the run begins to learn, a learning rate
            that is a schedule already.
    """

    def __init__(self, steps: int = 20, decay: int | None = None, floor: float = 0.0) -> None:
        require(steps >= 1, f"strategy.warm_up.steps is {steps}: choose 1 or more.")
        require(decay is None or decay >= 1, f"strategy.warm_up.decay is {decay}: choose 1 or more steps, or null.")
        require(0 <= floor <= 1, f"strategy.warm_up.floor is {floor}: choose 0 to 1.")
        self.steps, self.decay, self.floor = steps, decay, floor
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
        if self.decay is not None:
            fallen = tf.clip_by_value((number - self.steps) / self.decay, 0.0, 1.0)
            share *= self.floor + (1 - self.floor) * (1 + tf.cos(math.pi * fallen)) / 2
        rate = self._optimizer.learning_rate
        rate.assign(tf.cast(share * self._whole, rate.dtype))
        return tape_fn(batch)

    def consolidate(self, learner, update) -> None:
        """Gives the optimizer its whole rate back."""
        inner(learner.optimizer).learning_rate.assign(self._whole)
