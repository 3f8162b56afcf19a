"""Passes over the examples of an update, many steps a call of the graph."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count

import numpy as np

from tfrec.errors import require
from tfrec.feeding import Ahead, Batch, Parts, parts_of_steps, stacks
from tfrec.loops.passes import Passes
from tfrec.step import Step
from tfrec.strategies.strategy import Strategy

# Rows of one call of the graph: a call costs some hundred microseconds beside its steps.
_CALL_ROWS = 65_536
_CALL_STEPS = 64


class Epochs(Step):
    """A `Step` that is fed: batches are made by strategies and model in a thread while the device computes.

    Args:
        model, optimizer, strategies, jit_compile, profile, balance: see `Learner`.

    Attributes: those of `Step`; `examples` so far (those of a strategy's networks included); `waited`, the share of the
    last update's time, and while it is learned the seconds, spent waiting for batches.
    """

    def __init__(self, model, optimizer, strategies: Sequence[Strategy], jit_compile: bool, profile, balance) -> None:
        super().__init__(model, optimizer, strategies, jit_compile, profile, balance)
        self.examples, self.waited = 0, 0.0
        self._most = min([_CALL_STEPS, *(s.steps_per_call for s in self.strategies if s.steps_per_call)])

    def pass_over(
        self, update, epochs: int, stopping, batch_size: int, seed: int, passes: Passes, spent
    ) -> dict[str, np.ndarray]:
        """The steps of some epochs, or of what a budget still allows; returns the losses of the last one."""
        losses = {}
        if not len(update.examples):
            return losses
        by_time = spent is not None and spent.kind == "seconds"
        most = 1 if by_time else self._most  # then no step is made ahead, and each is awaited
        for epoch in range(epochs) if spent is None else count():
            rng = np.random.default_rng([seed, update.period, epoch])
            batches = update.examples.batches(update.candidates, batch_size, rng, passes.order, passes.accumulation)
            steps = parts_of_steps(map(self._augmented, batches), passes.accumulation)
            if spent is not None:
                steps = spent.within(steps)
            calls = Ahead(self._stacks(steps, batch_size * passes.accumulation, most), early=most > 1)
            for stack in calls:
                losses = self._call(stack)
                if by_time:
                    losses = {name: loss.numpy() for name, loss in losses.items()}
            self.waited += calls.waited
            if (stopping is not None and stopping(epoch)) or (spent is not None and spent.over):
                break
        losses = {name: np.asarray(loss) for name, loss in losses.items()}  # devices may still be at work
        if stopping is not None:
            stopping.restore_best()
        return losses

    def _stacks(self, steps: Iterable[Parts], rows: int, most: int) -> Iterator[Parts]:
        """What the graph is called with: up to `most` prepared steps of so many `rows` as one, `[steps, rows, ...]`."""
        prepared = (tuple(map(self._prepared, parts)) for parts in steps)
        return stacks(prepared, min(most, max(1, _CALL_ROWS // rows)))

    def _augmented(self, batch: Batch) -> Batch:
        """A batch after all strategies."""
        for strategy in self.strategies:
            batch = strategy.augment(batch)
        return batch

    def _prepared(self, batch: Batch) -> Batch:
        """A batch as the graph takes it."""
        rows = len(next(iter(batch.values())))
        require(
            rows % self._replicas == 0,
            f"A batch has {rows} rows, which {self._replicas} replicas cannot share evenly: choose loop.batch_size "
            f"(and what strategies add) so that {self._replicas} divides it.",
        )
        self.examples += rows
        return self.model.batch(batch, self._replicas) if self._row_losses else batch
