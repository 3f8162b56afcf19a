"""The average of an update's weights instead of its last ones."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.strategy import Strategy


class WeightAverage(Strategy):
    """Each update ends with the exponential average of its steps' weights (Polyak and Juditsky, 1992).

    `a_0` = the weights before the update, `a_s = momentum * a_{s-1} + (1 - momentum) * w_s`; at the end `w = a`. The
    optimizer's slots stay. Between updates there is no state, so nothing of it is in a checkpoint. Every step costs a
    pass over all trainable weights, tables of ids too: for models whose weights are few.

    Args:
        momentum: from 0 (the last weights, as without it) to below 1; it remembers about `1 / (1 - momentum)` steps.

    Raises:
        InputError: the momentum is out of range, or there are several replicas.
    """

    of_steps = sets_weights = True

    def __init__(self, momentum: float = 0.99) -> None:
        require(0 <= momentum < 1, f"strategy.weight_average.momentum is {momentum}: choose from 0 to below 1.")
        require(
            tf.distribute.get_strategy().num_replicas_in_sync == 1,
            "strategy=weight_average averages on one device, and this runtime has several: choose runtime=cpu or gpu.",
        )
        self.momentum = momentum
        self._averages: list[tf.Variable] = []
        self._begun: tf.Variable | None = None

    def build(self, model) -> None:
        """Makes room for the average; a grown table is another variable, of another trace."""
        self._averages = [tf.Variable(weight, trainable=False) for weight in model.trainable_variables]
        self._begun = tf.Variable(False, trainable=False)

    def after_step(self, model, before: list, slopes: list) -> None:
        """In graph: takes the step's weights into the average."""
        for average, first, weight in zip(self._averages, before, model.trainable_variables, strict=True):
            old = tf.where(self._begun, average, first)
            average.assign(self.momentum * old + (1 - self.momentum) * weight)
        self._begun.assign(True)

    def consolidate(self, learner, update) -> None:
        """Puts the average in the place of the weights."""
        if self._begun is None or not self._begun.numpy():
            return  # no step was made
        for weight, average in zip(learner.model.trainable_variables, self._averages, strict=True):
            weight.assign(average)
        self._begun.assign(False)
