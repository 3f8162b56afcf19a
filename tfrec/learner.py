"""Learning from updates, one step after the other."""

import gc
import logging
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfrec.balance.balance import Balance
from tfrec.epochs import Epochs
from tfrec.errors import require
from tfrec.feeding import Batch
from tfrec.loops.passes import Passes
from tfrec.memories.before import with_before
from tfrec.models.first_weights import FirstWeights
from tfrec.slots import Same, carried_over, inner, start_all, start_slots
from tfrec.strategies.fit import in_order, refuse_anew, refuse_unfit
from tfrec.strategies.strategy import Strategy

log = logging.getLogger(__name__)


class Learner(Epochs):
    """Eager `learn(update)` around one traced `Step`.

    Any `tfrs.Model` learns through its own `compute_loss(features, training)` plus its regularisation losses; a
    model with `task_losses` is asked for its outputs and row losses instead, which is the same number in one
    forward pass. Within the scope of a `tf.distribute` strategy, each replica computes its share of a batch, and
    the step is that of the whole batch on one device.

    Args:
        model: the model, or an adapter with the model as `tfrs_model`.
        optimizer: a tf_keras optimizer that has not been used.
        strategies: applied in the order of `in_order`.
        jit_compile: whether XLA compiles the step.
        profile: a `Profile` that traces some calls, or None.
        balance: how the losses of several tasks become one; None is their sum.

    Attributes: those of `Epochs`; `updates` so far; `starts_anew`, whether a strategy gives each update the first
    weights.

    Raises:
        InputError: what a plain TFRS model cannot do (give outputs to a strategy, learn on several devices), and what a
            strategy or the balance cannot do on several devices.
    """

    def __init__(
        self,
        model,
        optimizer,
        strategies: Sequence[Strategy] = (),
        jit_compile: bool = False,
        profile=None,
        balance: Balance | None = None,
    ) -> None:
        super().__init__(model.tfrs_model, optimizer, in_order(strategies), jit_compile, profile, balance)
        self.newest, self.last_period = None, -1
        self.updates = 0
        require(
            self._row_losses or self._replicas == 1,
            "A plain TFRS model such as this computes its loss by itself, on each replica's rows alone: choose a "
            "runtime of one device, or one of tfrec's models.",
        )
        require(
            self._replicas == 1 or self.balance.of_shares and not self.balance.needs_gradients,
            "This balance goes by the losses or gradients of a whole batch, and each device has those of its share: "
            "choose balance=sum without watch, or a runtime of one device.",
        )
        refuse_unfit(self.strategies, self.model, self._replicas)
        self._moved = Same([])  # what the optimizer has slots of
        self._first: FirstWeights | None = None
        self.starts_anew = any(strategy.starts_anew for strategy in self.strategies)
        if self.starts_anew:
            self.keep_first()

    def learn(
        self,
        update,
        epochs: int,
        batch_size: int,
        seed: int,
        stopping=None,
        passes: Passes | None = None,
        cut: int | None = None,
    ) -> dict[str, np.ndarray]:
        """All steps of an `Update`, then each strategy's `consolidate`; returns the losses of the last step.

        Args:
            seed: of the order of examples, with the update's period and the epoch.
            stopping: an `EarlyStopping`, asked after each epoch, or None.
            passes: over the examples, with a budget that may say when to end instead of the epochs.
            cut: the time (ns) from which on examples are kept back until `stopping` has chosen the epochs of those
                before it, and then learned for as many; None keeps back none.

        Raises:
            InputError: the loss is not finite, or a batch does not divide by the replicas.
        """
        if not self.built:
            self.build(update.first_rows())
        passes = passes or Passes()
        started, steps, rows, self.waited = time.perf_counter(), self.steps, self.examples, 0.0
        spent = None if passes.budget is None else passes.budget.start()
        revealed = self._compared(update)
        update = self._prepared_update(revealed)
        if spent is not None:
            spent.add(self.steps - steps, self.examples - rows)
        how = batch_size, seed, passes, spent
        losses = self.pass_over(update.between(None, cut), epochs, stopping, *how)
        if cut is not None:  # of a period whose events are all of one moment, none is before it
            losses |= self.pass_over(update.between(cut, None), stopping.epoch + 1 or epochs, None, *how)
        self.waited /= time.perf_counter() - started
        self.updates += 1
        for strategy in self.strategies:
            strategy.consolidate(self, revealed)
        self.balance.consolidate()
        require(
            all(np.isfinite(float(value)) for value in losses.values()),
            f"The loss is not finite after period {update.period}: lower optimizer.learning_rate.",
        )
        return losses

    def step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """One step on a batch of arrays `[batch, ...]`; returns scalars by name."""
        if not self.built:
            self.build({key: values[:2] for key, values in batch.items()})
        return self._call(next(self._stacks([(self._augmented(batch),)], 1, 1)))

    def rebuild(self) -> None:
        """Takes the model's variables anew after one was replaced by a larger one; keeps the optimizer's state.

        A slot of a grown table keeps its rows and starts the new ones as the optimizer starts any row. Costs one
        trace at the next step.
        """
        if self.built:
            self._compiled = None  # the graph holds the replaced table
            gc.collect()  # graphs and Keras's objects hold one another; tables are too large to wait
            variables = self.model.trainable_variables
            if self._first is not None:
                self._first.observe()
            if not self._moved(variables):
                self.optimizer, self._moved = carried_over(self.optimizer, variables), Same(variables)
                gc.collect()

    def restart(self, variable: tf.Variable, rows: np.ndarray) -> None:
        """Starts the optimizer's state of table rows anew: they belong to other ids now."""
        if self.built:
            start_slots(self.optimizer, variable, rows)

    def keep_first(self) -> None:
        """From now on the learner can `start_anew`; call it before anything is built.

        Raises:
            InputError: a strategy goes on from the weights of the last update.
        """
        refuse_anew(self.strategies)
        require(
            not self.balance.goes_on,
            f"balance={self.balance.name} compares the losses of updates that go on from one another, and "
            "loop.start=cold and gdumb start each anew: choose another balance.",
        )
        self._first = FirstWeights(self.model)

    def start_anew(self) -> None:
        """Gives what is trained, and the optimizer, what they had before anything was learned."""
        if self.built:
            self._first.assign()
            self.model.start_anew()
            self.balance.start_anew()
            start_all(self.optimizer, self.model.trainable_variables)

    @property
    def anew(self) -> bool:
        """Whether updates start from the first weights."""
        return self._first is not None

    def costs(self) -> dict[str, float]:
        """What it takes to keep learning, by tag: trainable parameters, and bytes that the strategies keep; and what
        the balance has seen since the last call."""
        parameters = sum(int(np.prod(variable.shape)) for variable in self.model.trainable_variables)
        kept = sum(np.asarray(values).nbytes for s in self.strategies for values in s.state().values())
        costs = {"cost/trainable_parameters": parameters, "cost/buffer_bytes": kept}
        return costs | ({} if self.balance.seen is None else self.balance.seen.report())

    @property
    def built(self) -> bool:
        """Whether the optimizer's variables exist."""
        return getattr(inner(self.optimizer), "_built", False)

    def build(self, batch: Batch) -> None:
        """Creates all variables, of the model and of the optimizer, without learning."""
        batch = self.model.table_rows(batch) if self._row_losses else batch
        self.model.compute_loss({key: tf.convert_to_tensor(values) for key, values in batch.items()}, training=False)
        self._moved = Same(self.model.trainable_variables)
        self.optimizer.build(self.model.trainable_variables)
        if self._first is not None:
            self._first.observe()

    def _compared(self, update):
        """An update with what the model says now, where a strategy asks for it."""
        holding = [type(s).__name__ for s in self.strategies if s.compares or s.anchored]
        if holding and not self.updates:
            log.info("%s: nothing was learned before, so the first update goes without", ", ".join(holding))
        elif any(strategy.compares for strategy in self.strategies):
            return with_before(update, self.model)
        return update

    def _prepared_update(self, update):
        """What is learned of an update, by all strategies, once each has looked at the weights of now."""
        for strategy in self.strategies:
            strategy.look(self, update)
        if self.starts_anew:
            self.start_anew()
        for strategy in self.strategies:
            update = strategy.prepare(self, update)
        return update
