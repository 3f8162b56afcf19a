"""The one optimisation step of the online loops."""

import logging
import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import tensorflow as tf

from tfrec.errors import InputError, require
from tfrec.strategies.strategy import Strategy
from tfrec.tasks.averaging import mean_per_task

log = logging.getLogger(__name__)


class Learner:
    """Owns the step: eager `step(batch)` around one traced `update(batch)` of fixed shapes.

    Any `tfrs.Model` learns through its own `compute_loss(features, training)` plus its regularisation losses; a
    model with `task_losses` is asked for its outputs and row losses instead, which is the same number in one
    forward pass.

    Args:
        model: the model, or an adapter with the model as `tfrs_model`.
        optimizer: a tf_keras optimizer that has not been used.
        strategies: applied in this order.
        jit_compile: whether XLA compiles the step.

    Raises:
        InputError: a strategy needs outputs that a plain TFRS model does not give.
    """

    def __init__(self, model, optimizer, strategies: Sequence[Strategy] = (), jit_compile: bool = False) -> None:
        self.model = model.tfrs_model
        self.optimizer, self.strategies, self.jit_compile = optimizer, list(strategies), jit_compile
        self.newest, self.last_period = None, -1
        self.traces = self.steps = self.examples = self.updates = 0
        self._row_losses = hasattr(self.model, "task_losses")
        for strategy in self.strategies:
            if strategy.needs_outputs and not self._row_losses:
                raise InputError(
                    f"The strategy {type(strategy).__name__} needs the model's outputs, which a plain TFRS model "
                    "such as this does not give: leave it out, or use one of tfrec's models."
                )
        self._after = [s for s in self.strategies if type(s).after_step is not Strategy.after_step]
        self._compiled = None

    def learn(self, update, epochs: int, batch_size: int, seed: int, stopping=None) -> dict[str, tf.Tensor]:
        """All steps of an `Update`, then each strategy's `consolidate`; returns the losses of the last step.

        Args:
            seed: of the order of examples, with the update's period and the epoch.
            stopping: an `EarlyStopping`, asked after each epoch, or None.

        Raises:
            InputError: the loss is not finite.
        """
        losses = {}
        for epoch in range(epochs):
            rng = np.random.default_rng([seed, update.period, epoch])
            for batch in update.examples.batches(update.candidates, batch_size, rng):
                losses = self.step(batch)
            if stopping is not None and stopping(epoch):
                break
        if stopping is not None:
            stopping.restore_best()
        self.updates += 1
        for strategy in self.strategies:
            strategy.consolidate(self, update)
        require(
            all(np.isfinite(float(value)) for value in losses.values()),
            f"The loss is not finite after period {update.period}: lower optimizer.learning_rate.",
        )
        return losses

    def step(self, batch: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
        """One step on a batch of arrays `[batch, ...]`; returns scalars by name."""
        for strategy in self.strategies:
            batch = strategy.augment(batch)
        batch = self._table_rows(batch)
        tensors = {key: tf.convert_to_tensor(values) for key, values in batch.items()}
        if self._compiled is None:
            self._compile(tensors)
        self.steps += 1
        self.examples += len(next(iter(batch.values())))
        return self._compiled(tensors)

    def rebuild(self) -> None:
        """Takes the model's variables anew after one was replaced by a larger one; keeps the optimizer's state.

        A slot of a grown table keeps its rows and starts the new ones as the optimizer starts any row. Costs one
        trace at the next step.
        """
        old = self.optimizer
        if not self.built:
            return
        self.optimizer = type(old).from_config(old.get_config())
        self.optimizer.build(self.model.trainable_variables)
        for before, after in zip(old.variables, self.optimizer.variables, strict=True):
            if before.shape == after.shape:
                after.assign(before)
            else:
                after[: before.shape[0]].assign(before)
        self._compiled = None

    def restart(self, variable: tf.Variable, rows: np.ndarray) -> None:
        """Starts the optimizer's state of table rows anew: they belong to other ids now."""
        if not self.built:
            return
        fresh = type(self.optimizer).from_config(self.optimizer.get_config())
        fresh.build(self.model.trainable_variables)
        for slot, start in zip(self.optimizer.variables, fresh.variables, strict=True):
            if slot.shape == variable.shape and slot.name.partition("/")[2].startswith(variable.name.partition(":")[0]):
                slot.scatter_update(tf.IndexedSlices(tf.gather(start, rows), tf.cast(rows, tf.int32)))

    def costs(self) -> dict[str, int]:
        """What it takes to keep learning, by tag: trainable parameters, and bytes that the strategies keep."""
        parameters = sum(int(np.prod(variable.shape)) for variable in self.model.trainable_variables)
        kept = sum(np.asarray(values).nbytes for s in self.strategies for values in s.state().values())
        return {"cost/trainable_parameters": parameters, "cost/buffer_bytes": kept}

    @property
    def built(self) -> bool:
        """Whether the optimizer's variables exist."""
        return getattr(self.optimizer, "_built", False)

    def build(self, batch: dict) -> None:
        """Creates all variables, of the model and of the optimizer, without learning."""
        tensors = {key: tf.convert_to_tensor(values) for key, values in self._table_rows(batch).items()}
        self._create(tensors)

    def _create(self, tensors: dict) -> None:
        self.model.compute_loss(tensors, training=False)
        self.optimizer.build(self.model.trainable_variables)

    def _table_rows(self, batch: dict) -> dict:
        """Ids as rows of tables, checked: in the graph, XLA would return a number for a row that is not there."""
        return self.model.table_rows(batch) if self._row_losses else batch

    def _compile(self, tensors: dict) -> None:
        if not self.built:
            self._create(tensors)
        jit_compile = self.jit_compile and not any(tensor.dtype == tf.string for tensor in tensors.values())
        if self.jit_compile and not jit_compile:
            log.info("the model takes strings, which XLA does not know: the step runs without XLA")
        self._compiled = tf.function(self.update, jit_compile=jit_compile)
        started = time.perf_counter()
        self._compiled.get_concrete_function(tensors)
        log.info(
            "step traced for %d rows in %.1f s",
            len(next(iter(tensors.values()))),
            time.perf_counter() - started,
        )

    def update(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """In graph: losses, gradients, optimizer and strategies of one batch; returns scalars by name."""
        self.traces += 1
        tape_fn = self._losses_and_gradients
        for strategy in self.strategies:
            tape_fn = partial(strategy.gradients, tape_fn)
        losses, gradients = tape_fn(batch)
        variables = self.model.trainable_variables
        before = [tf.identity(variable) for variable in variables] if self._after else []
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for strategy in self._after:
            strategy.after_step(self.model, before)
        return losses

    def _losses_and_gradients(self, batch: dict[str, tf.Tensor]):
        with tf.GradientTape() as tape:
            outputs, losses = self._losses(batch)
            penalties = [s.penalty(self.model, batch, outputs) for s in self.strategies]
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            losses["loss"] = tf.add_n([*losses.values()]) + (sum(self.model.losses) + sum(penalties)) / replicas
        return losses, tape.gradient(losses["loss"], self.model.trainable_variables)

    def _losses(self, batch: dict[str, tf.Tensor]):
        if not self._row_losses:
            return None, {"compute_loss": self.model.compute_loss(batch, training=True)}
        outputs = self.model(batch, training=True)
        return outputs, mean_per_task(self.model.task_losses(outputs, batch))
