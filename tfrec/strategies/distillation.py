"""Holding a model to what it said before the update."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.memories.before import outputs_before
from tfrec.strategies.strategy import Strategy


class Distillation(Strategy):
    """Adds `weight * mean over rows of row_loss(now, before)`; subclasses say what a row's loss is.

    Before means: by the weights as they were when the update began, for the same request and items, computed once an
    update. The first update, before which nothing was learned, goes without.

    Args:
        weight: of the mean.

    Raises:
        InputError: the weight is negative.
    """

    needs = ("task_losses", "before", "choices")
    compares = True

    def __init__(self, weight: float) -> None:
        name = type(self).__module__.rpartition(".")[2]
        require(weight >= 0, f"strategy.{name}.weight is {weight}: choose 0 or more.")
        self.weight = weight

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: the weighted mean; 0 where nothing was said before."""
        then = outputs_before(batch)
        if then is None:
            return 0.0
        return self.weight * tf.reduce_mean(self.row_losses(model, batch, outputs, then))

    def row_losses(self, model, batch: dict, outputs: dict, then: dict):
        """In graph: loss of each row, `[batch]`, from the model's outputs of now and of before."""
        return self.row_loss(model.choices(outputs, batch), model.choices(then, batch))

    def row_loss(self, now, before):
        """In graph: loss of each row, `[batch]`, from `Choices` of now and of before; no gradient reaches these."""
        raise NotImplementedError
