"""The one optimisation step of the online loops, as a graph."""

import logging
import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

import tensorflow as tf

from tfrec.balance.balance import Balance
from tfrec.balance.sum import Sum
from tfrec.feeding import Parts
from tfrec.gradients import added, averaged, inner_products, weighted_sum
from tfrec.precision import gradients
from tfrec.replicas import share
from tfrec.strategies.strategy import Strategy
from tfrec.tasks.averaging import mean_per_task

log = logging.getLogger(__name__)


class Step:
    """`update(parts)`, traced once for all batches of the same features, several steps a call of the graph.

    A step has one batch, or several parts whose gradients it averages: gradient accumulation, in the memory of one.

    Args:
        model: the one that learns. optimizer, strategies, jit_compile, profile, balance: see `Learner`.

    Attributes: `traces` of the graph; `compilations` of the step by XLA, counted by the shapes that each trace has
    seen; `steps` so far.
    """

    def __init__(
        self, model, optimizer, strategies: Sequence[Strategy], jit_compile: bool, profile, balance: Balance | None
    ) -> None:
        self.model, self.optimizer, self.strategies = model, optimizer, list(strategies)
        self.balance = balance or Sum()
        self.jit_compile, self._profile = jit_compile, profile
        self.traces = self.compilations = self.steps = 0
        self._row_losses = hasattr(model, "task_losses")
        self._replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self._after = [s for s in self.strategies if type(s).after_step is not Strategy.after_step]
        self._compiled, self._keys, self._shapes = None, None, set()

    def _call(self, stack: Parts) -> dict[str, tf.Tensor]:
        """All steps of a stack; returns the losses of the last."""
        tensors = tuple({key: tf.convert_to_tensor(values) for key, values in part.items()} for part in stack)
        keys = [part.keys() for part in tensors]
        if self._compiled is None or self._keys != keys:
            for strategy in self.strategies:
                strategy.build(self.model)
            self._compiled, self._keys, self._shapes = self._trace(tensors), keys, set()
        shapes = tuple(tensor.shape[1:] for part in tensors for tensor in part.values())
        self.compilations += self._by_xla and shapes not in self._shapes
        self._shapes.add(shapes)
        steps = _steps(stack)
        self.steps += steps
        with self._profile(self.steps, steps) if self._profile is not None else nullcontext():
            return self._compiled(tensors)

    def _trace(self, tensors: tuple[dict[str, tf.Tensor], ...]):
        """The graph of several steps, for any number of them and of rows."""
        strings = any(tensor.dtype == tf.string for part in tensors for tensor in part.values())
        self._by_xla = self.jit_compile and not strings
        if self.jit_compile and not self._by_xla:
            log.info("the model takes strings, which XLA does not know: the step runs without XLA")
        if not self.balance.plain:
            self.balance.build(self._tasks(tensors[0]))
        any_rows = _specs(tensors, 1)
        step = self._on_replicas
        if self._replicas == 1:
            step = tf.function(self.update, input_signature=[any_rows], jit_compile=self._by_xla)

        def steps(stack):
            self.traces += 1
            losses = step(tuple({key: values[0] for key, values in part.items()} for part in stack))
            for i in tf.range(1, tf.shape(next(iter(stack[0].values())))[0]):
                tf.autograph.experimental.set_loop_options(parallel_iterations=1)
                losses = step(tuple({key: values[i] for key, values in part.items()} for part in stack))
            return losses

        started = time.perf_counter()
        compiled = tf.function(steps, input_signature=[_specs(tensors, 2)])
        compiled.get_concrete_function()
        log.info("step traced in %.1f s", time.perf_counter() - started)
        return compiled

    def _tasks(self, stacked: dict[str, tf.Tensor]) -> list[str]:
        """The names of a batch's losses, found by a trace of the forward pass, of which nothing is computed."""
        found = []
        (rows,) = _specs((stacked,), 1)
        tf.function(lambda batch: found.extend(self._losses(batch)[1])).get_concrete_function(rows)
        return found

    def _on_replicas(self, parts: tuple[dict[str, tf.Tensor], ...]) -> dict[str, tf.Tensor]:
        """In graph: `update` of each replica's share; the losses are those of the whole batch."""
        strategy = tf.distribute.get_strategy()
        losses = strategy.run(lambda whole: self.update(tuple(map(share, whole))), args=(parts,))
        return {name: strategy.reduce("SUM", loss, axis=None) for name, loss in losses.items()}

    def update(self, parts: tuple[dict[str, tf.Tensor], ...]) -> dict[str, tf.Tensor]:
        """In graph: losses, gradients, optimizer and strategies of one step; returns scalars by name."""
        tape_fn = self._losses_and_gradients
        for strategy in self.strategies:
            tape_fn = partial(strategy.gradients, tape_fn)
        losses, slopes = averaged(tape_fn, parts)
        variables = self.model.trainable_variables
        before = [tf.identity(variable) for variable in variables] if self._after else []
        self.optimizer.apply_gradients(zip(slopes, variables, strict=True))
        for strategy in self._after:
            strategy.after_step(self.model, before, slopes)
        return losses

    def _losses_and_gradients(self, batch: dict[str, tf.Tensor]):
        one_each, variables = self.balance.needs_gradients, self.model.trainable_variables
        with tf.GradientTape(persistent=one_each) as tape:
            outputs, losses = self._losses(batch)
            penalties = [s.penalty(self.model, batch, outputs) for s in self.strategies]
            once = (sum(self.model.losses) + sum(penalties)) / self._replicas  # each replica adds its own
            weights = None if one_each or self.balance.plain else self._weights(losses, None)
            summed = tf.add_n([*losses.values()]) + once
            total = summed if weights is None else _weighted([*losses.values()], weights) + once
        if one_each:
            slopes = [gradients(self.optimizer, tape, loss, variables) for loss in losses.values()]
            weights = self._weights(losses, inner_products(slopes))
            slopes = weighted_sum(slopes, weights, self.balance.of_own)
            if tf.is_tensor(once):
                alone = gradients(self.optimizer, tape, once, variables)
                slopes = [added(a, b) for a, b in zip(slopes, alone, strict=True)]
        else:
            slopes = gradients(self.optimizer, tape, total, variables)
        return losses | {"loss": summed}, slopes  # which weights that move would make another number each time

    def _weights(self, losses: dict[str, tf.Tensor], products) -> tf.Tensor:
        """What the balance gives the tasks, `[tasks]`."""
        values = tf.stop_gradient(tf.stack([*losses.values()]))
        weights = tf.stop_gradient(self.balance.weights(values, products))
        if self.balance.seen is not None and self._replicas == 1:
            self.balance.seen.add(weights, products)
        return weights

    def _losses(self, batch: dict[str, tf.Tensor]):
        if not self._row_losses:
            return None, {"compute_loss": self.model.compute_loss(batch, training=True)}
        outputs = self.model(batch, training=True)
        return outputs, mean_per_task(self.model.task_losses(outputs, batch), batch.get("row_weight", 1.0))


def _weighted(losses: list[tf.Tensor], weights: tf.Tensor) -> tf.Tensor:
    """The sum of the losses, each times its weight."""
    return tf.add_n([weight * loss for weight, loss in zip(tf.unstack(weights), losses, strict=True)])


def _steps(stack: Parts) -> int:
    return len(next(iter(stack[0].values())))


def _specs(tensors: tuple[dict[str, tf.Tensor], ...], free: int) -> tuple[dict[str, tf.TensorSpec], ...]:
    """What a graph takes: the parts of a stack, `[steps, rows, ...]` each, the last `free` of these two of any size."""
    shapes = [None] * free
    return tuple(
        {key: tf.TensorSpec([*shapes, *tensor.shape[2:]], tensor.dtype) for key, tensor in part.items()}
        for part in tensors
    )
