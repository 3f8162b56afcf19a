"""Teaching the text encoder by itself, before an update."""

import logging
import time

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.precision import gradients
from tfrec.slots import inner
from tfrec.strategies.strategy import Strategy

log = logging.getLogger(__name__)


class Pretraining(Strategy):
    """Steps of another loss on what an update knows, by an optimizer of its own, before the update's first step.

    The base is an update too. All weights of the encoder that learn (`peft`) learn from this as well. No later event
    and no later text is seen.

    Args:
        steps, batch_size, learning_rate: of Adam, begun anew each time.
        every: updates from one time to the next; None: before the base alone. Where updates start from the first
            weights (`loop.start=cold`, `strategy=gdumb`), it learns before each.
        seed: of what is drawn, with the update's period.

    Raises:
        InputError: a number is out of range; before learning, the model has no encoder that learns.
    """

    needs = ("task_losses",)

    def __init__(self, steps: int, batch_size: int, learning_rate: float, every: int | None, seed: int) -> None:
        require(
            min(steps, batch_size - 1) >= 1 and learning_rate > 0 and (every is None or every >= 1),
            f"strategy.{self.name} has steps={steps}, batch_size={batch_size}, learning_rate={learning_rate}, "
            f"every={every}: choose 1 or more, 2 or more, above 0, and 1 or more or null.",
        )
        self.steps, self.batch_size, self.learning_rate = steps, batch_size, learning_rate
        self.every, self.seed, self.updates = every, seed, 0

    @property
    def name(self) -> str:
        """As it is called in conf/strategy."""
        return type(self).__module__.rpartition(".")[2]

    def start(self, encoder) -> list[tf.Variable]:
        """Makes what the loss needs beside the encoder; returns what of it learns."""
        return []

    def ready(self, update) -> bool:
        """Whether an update has what the loss needs."""
        return True

    def batch(self, learner, update, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """What a step learns from, of the same shapes each time."""
        raise NotImplementedError

    def loss(self, encoder, batch: dict):
        """In graph: a scalar."""
        raise NotImplementedError

    def prepare(self, learner, update):
        """Makes the steps, if it is time for them."""
        due = learner.anew or self.updates == 0 or (self.every is not None and self.updates % self.every == 0)
        self.updates += 1
        if due and self.ready(update):
            self._learn(learner, update)
        return update

    def _learn(self, learner, update) -> None:
        encoder = getattr(getattr(learner.model, "text", None), "encoder", None)
        require(
            encoder is not None and encoder.trainable_weights,
            f"strategy={self.name} teaches a text encoder, and this model has none that learns: choose an encoder, and "
            "a peft other than frozen.",
        )
        weights = encoder.trainable_weights + self.start(encoder)
        optimizer = tf.keras.optimizers.Adam(self.learning_rate)
        if inner(learner.optimizer) is not learner.optimizer:  # float16 needs a scale of the loss
            optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
        optimizer.build(weights)

        @tf.function(jit_compile=learner.jit_compile)
        def step(batch):
            with tf.GradientTape() as tape:
                loss = self.loss(encoder, batch)
            slopes = gradients(optimizer, tape, loss, weights)
            optimizer.apply_gradients((g, w) for g, w in zip(slopes, weights, strict=True) if g is not None)
            return loss

        rng, started, losses = np.random.default_rng([self.seed, update.period]), time.perf_counter(), []
        for _ in range(self.steps):
            losses.append(step({key: tf.constant(v) for key, v in self.batch(learner, update, rng).items()}))
        tenth = max(1, self.steps // 10)
        first, last = (float(tf.reduce_mean(part)) for part in (losses[:tenth], losses[-tenth:]))
        require(np.isfinite(last), f"The loss of strategy={self.name} is not finite: lower its learning_rate.")
        seconds = time.perf_counter() - started
        log.info(
            "%s: %d steps in %.1f s, loss %.4f at first, %.4f at last", self.name, self.steps, seconds, first, last
        )

    def state(self) -> dict:
        """The number of updates."""
        return {"updates": np.array(self.updates)}

    def restore(self, state: dict) -> None:
        """Takes it back."""
        self.updates = int(state["updates"])
