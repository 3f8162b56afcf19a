"""The one optimisation step of the online loops."""

import gc
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.feeding import Ahead, Batch, stacks
from tfrec.memories.before import with_before
from tfrec.models.first_weights import FirstWeights
from tfrec.precision import gradients
from tfrec.replicas import share
from tfrec.slots import Same, carried_over, inner, start_all, start_slots
from tfrec.strategies.fit import refuse_unfit
from tfrec.strategies.strategy import Strategy
from tfrec.tasks.averaging import mean_per_task

log = logging.getLogger(__name__)

# Rows of one call of the graph: a call costs some hundred microseconds beside its steps.
_CALL_ROWS = 65_536
_CALL_STEPS = 64


class Learner:
    """Owns the step: eager `learn(update)` around one traced `update(batch)`, several steps a call of the graph.

    Any `tfrs.Model` learns through its own `compute_loss(features, training)` plus its regularisation losses; a
    model with `task_losses` is asked for its outputs and row losses instead, which is the same number in one
    forward pass. Within the scope of a `tf.distribute` strategy, each replica computes its share of a batch, and
    the step is that of the whole batch on one device.

    Args:
        model: the model, or an adapter with the model as `tfrs_model`.
        optimizer: a tf_keras optimizer that has not been used.
        strategies: applied in this order.
        jit_compile: whether XLA compiles the step.
        profile: a `Profile` that traces some calls, or None.

    Attributes: `traces` of the graph; `compilations` of the step by XLA, counted by the shapes that each trace has
    seen; `steps`, `examples`, `updates` so far; `waited`, share of the last update's time spent waiting for batches.

    Raises:
        InputError: what a plain TFRS model cannot do (give outputs to a strategy, learn on several devices), and what a
            strategy cannot do on several devices.
    """

    def __init__(
        self, model, optimizer, strategies: Sequence[Strategy] = (), jit_compile: bool = False, profile=None
    ) -> None:
        self.model = model.tfrs_model
        self.optimizer, self.strategies, self.jit_compile = optimizer, list(strategies), jit_compile
        self.newest, self.last_period = None, -1
        self.traces = self.compilations = self.steps = self.examples = self.updates = 0
        self.waited, self._profile = 0.0, profile
        self._row_losses = hasattr(self.model, "task_losses")
        self._replicas = tf.distribute.get_strategy().num_replicas_in_sync
        require(
            self._row_losses or self._replicas == 1,
            "A plain TFRS model such as this computes its loss by itself, on each replica's rows alone: choose a "
            "runtime of one device, or one of tfrec's models.",
        )
        self._after = [s for s in self.strategies if type(s).after_step is not Strategy.after_step]
        refuse_unfit(self.strategies, self.model, self._replicas)
        self._most = min([_CALL_STEPS, *(s.steps_per_call for s in self.strategies if s.steps_per_call)])
        self._compiled, self._keys, self._shapes = None, None, set()
        self._moved = Same([])  # what the optimizer has slots of
        self._first: FirstWeights | None = None
        if any(strategy.starts_anew for strategy in self.strategies):
            self.keep_first()

    def learn(self, update, epochs: int, batch_size: int, seed: int, stopping=None) -> dict[str, np.ndarray]:
        """All steps of an `Update`, then each strategy's `consolidate`; returns the losses of the last step.

        Args:
            seed: of the order of examples, with the update's period and the epoch.
            stopping: an `EarlyStopping`, asked after each epoch, or None.

        Raises:
            InputError: the loss is not finite, or a batch does not divide by the replicas.
        """
        if not self.built:
            self.build(update.first_rows())
        losses, started, waited = {}, time.perf_counter(), 0.0
        update = self._prepared_update(update)
        for epoch in range(epochs):
            rng = np.random.default_rng([seed, update.period, epoch])
            batches = update.examples.batches(update.candidates, batch_size, rng)
            calls = Ahead(self._stacks(batches, batch_size), early=self._most > 1)
            for stack in calls:
                losses = self._call(stack)
            waited += calls.waited
            if stopping is not None and stopping(epoch):
                break
        losses = {name: loss.numpy() for name, loss in losses.items()}  # devices may still be at work
        self.waited = waited / (time.perf_counter() - started)
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

    def step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """One step on a batch of arrays `[batch, ...]`; returns scalars by name."""
        if not self.built:
            self.build({key: values[:2] for key, values in batch.items()})
        return self._call(next(self._stacks([batch], 1)))

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
        """From now on the learner can `start_anew`; call it before anything is built."""
        self._first = FirstWeights(self.model)

    def start_anew(self) -> None:
        """Gives model and optimizer what they had before anything was learned."""
        if self.built:
            self._first.assign()
            start_all(self.optimizer, self.model.trainable_variables)

    def costs(self) -> dict[str, int]:
        """What it takes to keep learning, by tag: trainable parameters, and bytes that the strategies keep."""
        parameters = sum(int(np.prod(variable.shape)) for variable in self.model.trainable_variables)
        kept = sum(np.asarray(values).nbytes for s in self.strategies for values in s.state().values())
        return {"cost/trainable_parameters": parameters, "cost/buffer_bytes": kept}

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

    def _prepared_update(self, update):
        """An update after all strategies, with what the model says now where one asks for it."""
        asking = [type(s).__name__ for s in self.strategies if s.compares]
        if asking and self.updates:
            update = with_before(update, self.model)
        elif asking:
            log.info("%s: nothing was learned before, so the first update goes without", ", ".join(asking))
        for strategy in self.strategies:
            update = strategy.prepare(self, update)
        return update

    def _stacks(self, batches: Iterable[Batch], batch_size: int) -> Iterator[Batch]:
        """What the graph is called with: some prepared batches as one, `[steps, rows, ...]`."""
        return stacks(map(self._prepared, batches), min(self._most, max(1, _CALL_ROWS // batch_size)))

    def _prepared(self, batch: Batch) -> Batch:
        """A batch after all strategies, as the graph takes it."""
        for strategy in self.strategies:
            batch = strategy.augment(batch)
        rows = len(next(iter(batch.values())))
        require(
            rows % self._replicas == 0,
            f"A batch has {rows} rows, which {self._replicas} replicas cannot share evenly: choose loop.batch_size "
            f"(and what strategies add) so that {self._replicas} divides it.",
        )
        self.examples += rows
        return self.model.batch(batch, self._replicas) if self._row_losses else batch

    def _call(self, stack: Batch) -> dict[str, tf.Tensor]:
        """All steps of a stack; returns the losses of the last."""
        tensors = {key: tf.convert_to_tensor(values) for key, values in stack.items()}
        if self._compiled is None or self._keys != tensors.keys():
            for strategy in self.strategies:
                strategy.build(self.model)
            self._compiled, self._keys, self._shapes = self._trace(tensors), tensors.keys(), set()
        shapes = tuple(tensor.shape[1:] for tensor in tensors.values())
        self.compilations += self._by_xla and shapes not in self._shapes
        self._shapes.add(shapes)
        steps = len(next(iter(stack.values())))
        self.steps += steps
        with self._profile(self.steps, steps) if self._profile is not None else nullcontext():
            return self._compiled(tensors)

    def _trace(self, tensors: dict[str, tf.Tensor]):
        """The graph of several steps, for any number of them and of rows."""
        self._by_xla = self.jit_compile and not any(tensor.dtype == tf.string for tensor in tensors.values())
        if self.jit_compile and not self._by_xla:
            log.info("the model takes strings, which XLA does not know: the step runs without XLA")
        any_rows = {key: tf.TensorSpec([None, *tensor.shape[2:]], tensor.dtype) for key, tensor in tensors.items()}
        step = self._on_replicas
        if self._replicas == 1:
            step = tf.function(self.update, input_signature=[any_rows], jit_compile=self._by_xla)

        def steps(stack):
            self.traces += 1
            losses = step({key: values[0] for key, values in stack.items()})
            for i in tf.range(1, tf.shape(next(iter(stack.values())))[0]):
                tf.autograph.experimental.set_loop_options(parallel_iterations=1)
                losses = step({key: values[i] for key, values in stack.items()})
            return losses

        any_steps = {key: tf.TensorSpec([None, *spec.shape], spec.dtype) for key, spec in any_rows.items()}
        started = time.perf_counter()
        compiled = tf.function(steps, input_signature=[any_steps])
        compiled.get_concrete_function()
        log.info("step traced in %.1f s", time.perf_counter() - started)
        return compiled

    def _on_replicas(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """In graph: `update` of each replica's share; the losses are those of the whole batch."""
        strategy = tf.distribute.get_strategy()
        losses = strategy.run(lambda whole: self.update(share(whole)), args=(batch,))
        return {name: strategy.reduce("SUM", loss, axis=None) for name, loss in losses.items()}

    def update(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """In graph: losses, gradients, optimizer and strategies of one batch; returns scalars by name."""
        tape_fn = self._losses_and_gradients
        for strategy in self.strategies:
            tape_fn = partial(strategy.gradients, tape_fn)
        losses, slopes = tape_fn(batch)
        variables = self.model.trainable_variables
        before = [tf.identity(variable) for variable in variables] if self._after else []
        self.optimizer.apply_gradients(zip(slopes, variables, strict=True))
        for strategy in self._after:
            strategy.after_step(self.model, before)
        return losses

    def _losses_and_gradients(self, batch: dict[str, tf.Tensor]):
        with tf.GradientTape() as tape:
            outputs, losses = self._losses(batch)
            penalties = [s.penalty(self.model, batch, outputs) for s in self.strategies]
            once = (sum(self.model.losses) + sum(penalties)) / self._replicas  # each replica adds its own
            losses["loss"] = tf.add_n([*losses.values()]) + once
        return losses, gradients(self.optimizer, tape, losses["loss"], self.model.trainable_variables)

    def _losses(self, batch: dict[str, tf.Tensor]):
        if not self._row_losses:
            return None, {"compute_loss": self.model.compute_loss(batch, training=True)}
        outputs = self.model(batch, training=True)
        return outputs, mean_per_task(self.model.task_losses(outputs, batch), batch.get("row_weight", 1.0))
