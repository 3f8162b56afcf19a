"""Choosing the number of epochs on periods that come later than those learned from, and before those reported."""

import logging

import numpy as np

from tfrec.errors import require
from tfrec.loops.exams import Exams
from tfrec.metrics.ranking import mean
from tfrec.models.weights import Weights

log = logging.getLogger(__name__)


class EarlyStopping:
    """Stops when the first metric on the exams has not risen for `patience` epochs, and goes back to the best one.

    Args:
        state: what learns. exams: periods later than those learned from. since: the last period learned from.
        patience: epochs without a new best.
        written: called with epoch and value, for the log.
    """

    def __init__(self, state, exams: Exams, since: int, patience: int, written) -> None:
        self.state, self.exams, self.since, self.patience, self.written = state, exams, since, patience, written
        self.metric = exams.evaluator.headline
        self.best, self.epoch = -np.inf, -1
        self._kept: tuple[Weights, list[np.ndarray]] | None = None

    def __call__(self, epoch: int) -> bool:
        """Whether to stop after `epoch`."""
        value = self.score()
        require(
            np.isfinite(value),
            f"What is to choose the epochs (loop.validation, loop.later) has no value of {self.metric}: none of its "
            "requests has a target. Choose more.",
        )
        self.written(epoch, value)
        if value > self.best:
            beside = [variable.numpy() for variable in self._beside()]
            self.best, self.epoch, self._kept = value, epoch, (Weights(self.state.model), beside)
        return epoch - self.epoch >= self.patience

    def score(self) -> float:
        """Mean over all requests of all exams, with the weights as they are now."""
        # Items that came after what is learned from start as they would in the stream.
        self.state.model.start_rows(self.state.history, self.since)
        self.exams.index.forget()
        values = np.concatenate([self.exams.values(t)[self.metric] for t in self.exams.truths])
        return mean(values)[0]

    def restore_best(self) -> None:
        """Gives model and optimizer what they were after the best epoch."""
        weights, beside = self._kept
        weights.assign()
        for variable, value in zip(self._beside(), beside, strict=True):
            variable.assign(value)
        log.info("validation: epoch %d is the best, %s %.4f", self.epoch + 1, self.metric, self.best)

    def _beside(self) -> list:
        """What learning changes beside the weights: the state of optimizer and balance, and what a loss keeps of past
        batches."""
        learner = self.state.learner
        beside = [*learner.optimizer.variables, *learner.balance.variables.values()]
        return [*beside, *getattr(self.state.model, "statistics", ())]
