"""Rows of the past, held to what was said when they were learned."""

import numpy as np

from tfrec.errors import require
from tfrec.memories.before import BEFORE, before_of_rows
from tfrec.memories.reservoir import Reservoir
from tfrec.strategies.replay import Replay

THEN = "der/"  # how names of outputs begin that are of when a row was learned
WHEN = f"{THEN}when"


class Der(Replay):
    """`L(D_t) + alpha * mean |z - z_B|^2 + beta * L(B)`, z_B the logits of a row's time (DER++, Buzzega et al., NeurIPS
    2020); `beta = 0` is DER.

    Each loss is the mean over its own rows. Of two towers, a replayed row's choices are the items of the batch's
    replayed rows that were learned in the same update: the vectors of then are kept, and their products compared. One
    draw of the memory serves both terms, where the paper draws twice.

    Args:
        memory, ratio: see `Replay`.
        alpha, beta: of the logits and of the loss.

    Raises:
        InputError: alpha or beta is negative; see `Replay`.
    """

    needs = ("task_losses", "before", "squared_change")
    of_rows = True

    def __init__(
        self,
        memory: Reservoir | None = None,
        ratio: float = 0.25,
        alpha: float = 0.3,
        beta: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__(memory, ratio, seed)
        require(min(alpha, beta) >= 0, f"strategy.der has alpha={alpha}, beta={beta}: choose 0 or more.")
        self.alpha, self.beta = alpha, beta

    @property
    def share(self) -> float:
        """See `Replay`."""
        return self.beta

    def joined(self, batch: dict, size: int, rows: dict, number: int) -> dict:
        """The batch followed by rows of the memory, with their outputs of then."""
        batch = batch | {k: np.zeros((size, *v.shape[1:]), v.dtype) for k, v in rows.items() if k.startswith(THEN)}
        return self.weighed(batch, size, rows, number)

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: alpha times the mean squared change; 0 where nothing is replayed."""
        if WHEN not in batch:
            return 0.0
        then = {key.removeprefix(THEN): values for key, values in batch.items() if key.startswith(THEN)}
        return self.alpha * model.squared_change(outputs, then, batch, batch[WHEN])

    def consolidate(self, learner, update) -> None:
        """Offers the new examples to the memory with what the model says of them now."""
        self.memory.offer(learner, update, lambda rows: _then(learner.model, rows, update.period))


def _then(model, rows: dict[str, np.ndarray], period: int) -> dict[str, np.ndarray]:
    found = {THEN + key.removeprefix(BEFORE): values for key, values in before_of_rows(model, rows).items()}
    return found | {WHEN: np.full(len(rows["item"]), period + 1, np.int32)}  # 0 is for rows that are not replayed
