"""Exemplars that are not learned again, but held to what was said of them."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.memories.before import outputs_before
from tfrec.memories.reservoir import Reservoir
from tfrec.strategies.lwf import divergence
from tfrec.strategies.replay import Replay


class Ader(Replay):
    """`L(D_t) + lambda_t * mean over exemplars of KL(softmax z' || softmax z)` (ADER, Mi et al., RecSys 2020).

    `lambda_t = weight * sqrt(|I_t-1| / |I_t| * |E| / |D_t|)`, with the items known at the last update and now, the
    exemplars and the update's examples; z' are the logits of before the update. The published method has exemplars by
    herding; any memory is taken.

    Args:
        memory, ratio: see `Replay`.
        weight: of the whole.

    Raises:
        InputError: the weight is negative; see `Replay`.
    """

    needs = ("task_losses", "before", "choices")
    of_rows = True
    compares = True
    share = 0.0

    def __init__(
        self, memory: Reservoir | None = None, ratio: float = 0.25, weight: float = 0.8, seed: int = 0
    ) -> None:
        super().__init__(memory, ratio, seed)
        require(weight >= 0, f"strategy.ader.weight is {weight}: choose 0 or more.")
        self.weight, self.items = weight, 0
        self.adaptive = tf.Variable(0.0, trainable=False, name="ader_lambda")

    def prepare(self, learner, update):
        """Sets lambda; see `Replay`."""
        items = len(update.candidates["log_q"])
        known = self.items / items * len(self.memory) / max(1, len(update.examples))
        self.adaptive.assign(self.weight * known**0.5)
        self.items = items
        return super().prepare(learner, update)

    def joined(self, batch: dict, size: int, rows: dict, number: int) -> dict:
        """The batch followed by exemplars, which have no part in the loss of the task."""
        return self.weighed(batch, size, rows, number)

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: lambda times the mean over the batch's exemplars; 0 where there are none."""
        then = outputs_before(batch)
        if then is None or "ader/row" not in batch:
            return 0.0
        losses = divergence(model.choices(outputs, batch), model.choices(then, batch), 1.0)
        rows = batch["ader/row"]
        return self.adaptive * tf.reduce_sum(losses * rows) / tf.reduce_sum(rows)

    def state(self) -> dict:
        """See `Replay`; with the items known at the last update."""
        return super().state() | {"items": np.array(self.items)}

    def restore(self, state: dict) -> None:
        """See `Replay`."""
        super().restore(state)
        self.items = int(state["items"])
