"""Rows that the model finds hard."""

import numpy as np
import tensorflow as tf

from tfrec.data.examples import Update
from tfrec.errors import require
from tfrec.memories.reservoir import Reservoir, lowest

CHUNK = 1024  # rows whose losses are computed at once


class LossBased(Reservoir):
    """A sample of the rows in proportion to `loss ** power` after the update that learned them; see `Reservoir`.

    The `size` lowest `-log(u) / loss ** power`, u the row's random number (Efraimidis and Spirakis, IPL 2006).

    Args:
        power: 0 is a uniform sample.
    """

    needs = ("task_losses",)
    of_rows = True

    def __init__(self, power: float = 1.0, size: int = 50_000, bytes: int | None = None, seed: int = 0) -> None:
        super().__init__(size, bytes, seed)
        require(power >= 0, f"strategy's memory.power is {power}: choose 0 or more.")
        self.power = power

    def describe(self, learner, update: Update, fresh: np.ndarray) -> dict[str, np.ndarray]:
        """See `Reservoir`; with the `loss`."""
        parts = [fresh[start : start + CHUNK] for start in range(0, len(fresh), CHUNK)]
        losses = [row_losses(learner.model, update.examples.rows(part, update.candidates)) for part in parts]
        return super().describe(learner, update, fresh) | {"loss": np.concatenate(losses)}

    def keep(self, facts: dict[str, np.ndarray], learner) -> np.ndarray:
        """See `Reservoir`."""
        weight = np.maximum(facts["loss"], 1e-6) ** self.power
        return lowest(-np.log(facts["priority"]) / weight, self.size)


def row_losses(model, rows: dict[str, np.ndarray]) -> np.ndarray:
    """The loss of each row by the weights of now, summed over tasks, `[n]`; other rows are its negatives."""
    batch = {key: tf.convert_to_tensor(values) for key, values in model.batch(rows, learning=False).items()}
    losses = model.task_losses(model(batch, training=False), batch, training=False)
    return np.sum([np.asarray(loss) for loss in losses.values()], axis=0, dtype=np.float32)
