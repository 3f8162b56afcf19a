"""A uniform sample, drawn from by rank."""

from collections.abc import Callable

import numpy as np

from tfrec.data.examples import Update
from tfrec.memories.loss_based import CHUNK, row_losses
from tfrec.memories.reservoir import Reservoir


class Spmf(Reservoir):
    """A `Reservoir` whose rows are drawn in proportion to `exp(rank / n)`, the row of the highest loss having rank n.

    So what the model of before the update scores low is learned again more often (Wang et al., SIGIR 2018). The paper
    ranks the new rows too and draws from both; here an update learns all of the new rows anyway.
    """

    needs = ("task_losses",)
    of_rows = True

    def __init__(self, size: int = 50_000, bytes: int | None = None, seed: int = 0) -> None:
        super().__init__(size, bytes, seed)
        self._share: np.ndarray | None = None

    def refresh(self, learner, update: Update) -> None:
        """See `Reservoir`; ranks the rows anew."""
        super().refresh(learner, update)
        places = [np.arange(start, min(start + CHUNK, len(self))) for start in range(0, len(self), CHUNK)]
        losses = [row_losses(learner.model, self.take(part)) for part in places]
        if losses:
            rank = 1 + np.argsort(np.argsort(np.concatenate(losses), kind="stable"))
            weight = np.exp(rank / len(self))
            self._share = weight / weight.sum()

    def offer(self, learner, update: Update, beside: Callable[[dict], dict] | None = None) -> None:
        """See `Reservoir`; until rows are ranked again, they are drawn evenly."""
        super().offer(learner, update, beside)
        self._share = None

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """See `Reservoir`."""
        return rng.choice(len(self), count, p=self._share)

    def chances(self) -> np.ndarray:
        """See `Reservoir`."""
        return super().chances() if self._share is None else self._share
