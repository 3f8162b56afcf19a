"""Elastic weight consolidation."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.beside import Beside
from tfrec.strategies.fisher import Fisher
from tfrec.strategies.strategy import Strategy


class Ewc(Strategy):
    """Adds `weight / 2 * sum_t sum_i F_ti (w_i - w*_ti)^2`, over all updates t (EWC, Kirkpatrick et al., PNAS 2017).

    `w*_t` are the weights after update t and `F_t` their Fisher information on its examples; see `Fisher`. The sum over
    updates is kept as `F = sum_t F_t` and `w* = sum_t F_t w*_t / F`, which differs from it by a constant alone, so two
    copies of the weights are enough. With `decay`, as online EWC (Schwarz et al., ICML 2018): `F <- decay F + F_t` and
    `w* <- w*_t`. Before the first update is over, there is nothing to hold on to.

    Every step costs a pass over all weights, tables of ids too.

    Args:
        weight: of the whole.
        decay: null keeps every update's anchor, a number is what an update leaves of the Fisher information before it.
        samples: examples of an update from which it is estimated. batch: of which so many are each other's choices.

    Raises:
        InputError: a number is out of range.
    """

    needs = ("task_losses",)
    anchored = of_rows = True

    def __init__(
        self,
        weight: float = 10.0,
        decay: float | None = None,
        samples: int = 512,
        batch: int = 128,
        seed: int = 0,
    ) -> None:
        require(weight >= 0, f"strategy.ewc.weight is {weight}: choose 0 or more.")
        require(decay is None or 0 <= decay <= 1, f"strategy.ewc.decay is {decay}: choose from 0 to 1, or null.")
        require(
            samples >= 1 and batch >= 2, f"strategy.ewc has samples={samples}, batch={batch}: choose 1 and 2 or more."
        )
        self.weight, self.decay, self.samples, self.batch, self.seed = weight, decay, samples, batch, seed
        self.fisher, self.anchor, self._information = Beside(), Beside(), Fisher()

    def build(self, model) -> None:
        """Makes room for the Fisher information and the anchor of all weights."""
        self.fisher.follow(model)
        self.anchor.follow(model)

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: the weighted squares; 0 for what was never learned, whose Fisher information is 0."""
        parts = zip(model.trainable_variables, self.fisher.variables, self.anchor.variables, strict=True)
        return self.weight / 2 * tf.add_n([tf.reduce_sum(f * tf.square(w - anchor)) for w, f, anchor in parts])

    def consolidate(self, learner, update) -> None:
        """Adds the update's Fisher information, at the weights of now."""
        if not self.fisher.variables:
            return  # no step was made
        rng = np.random.default_rng([self.seed, update.period])
        chosen = rng.choice(len(update.examples), min(self.samples, len(update.examples)), replace=False)
        batches = [chosen[start : start + self.batch] for start in range(0, len(chosen), self.batch)]
        rows = [update.examples.rows(part, update.candidates) for part in batches if len(part) > 1]
        parts = zip(self.fisher.variables, self.anchor.variables, strict=True)
        for (held, anchor), weight, new in zip(
            parts, learner.model.trainable_variables, self._information(learner.model, rows), strict=True
        ):
            if self.decay is not None:
                held.assign(self.decay * held + new)
                anchor.assign(weight)
                continue
            total = held + new
            anchor.assign(tf.where(total > 0, (held * anchor + new * weight) / tf.where(total > 0, total, 1.0), weight))
            held.assign(total)

    def state(self) -> dict:
        """Fisher information and anchor, by variable."""
        parts = {"fisher": self.fisher, "anchor": self.anchor}
        return {f"{part}/{name}": v for part, beside in parts.items() for name, v in beside.values().items()}

    def restore(self, state: dict) -> None:
        """Takes them back."""
        for part, beside in {"fisher/": self.fisher, "anchor/": self.anchor}.items():
            beside.restore({key.removeprefix(part): v for key, v in state.items() if key.startswith(part)})
