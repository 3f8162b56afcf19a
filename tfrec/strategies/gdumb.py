"""Learning from the memory alone, from the start."""

import numpy as np

from tfrec.data.examples import Examples, Update
from tfrec.errors import require
from tfrec.strategies.replay import Replay
from tfrec.tasks.log_q import static_log_q


class Gdumb(Replay):
    """Each update starts from the weights of before the base and learns what is in the memory, nothing else (GDumb,
    Prabhu et al., ECCV 2020).

    The memory takes the update's new examples first; the published method's is `balanced`. The optimizer starts anew
    too. What this reaches says how much the other methods gain from what they do beside keeping rows.

    Args:
        memory: see `Replay`.

    Raises:
        InputError: see `Replay`; later, if the memory has no room for a batch.
    """

    needs = ("task_losses",)
    starts_anew = True

    def __init__(self, memory=None, seed: int = 0) -> None:
        super().__init__(memory, seed=seed)

    def prepare(self, learner, update):
        """The update with the memory's rows as examples, of which none is new to the memory."""
        self.memory.offer(learner, update)
        rows = self.memory.kept()
        queries = {key: values for key, values in rows.items() if key not in update.candidates}
        items = rows["item"]
        counts = np.bincount(items, minlength=len(update.candidates["log_q"]))
        candidates = update.candidates | {"log_q": static_log_q(counts)}
        examples = Examples(queries, np.arange(len(items)), items.astype(np.int64))
        return Update(update.period, examples, candidates, len(items), self.memory.facts["period"])

    def look(self, learner, update) -> None:
        """Nothing: the weights of now are not gone on from."""

    def augment(self, batch: dict) -> dict:
        """The batch as it is: it is of the memory already, which must fill one."""
        size = len(batch["item"])
        require(
            self.memory.size >= size,
            f"strategy.gdumb.memory.size is {self.memory.size} rows, fewer than a batch of {size} has: choose a larger "
            "memory, or a loop.batch_size of no more.",
        )
        return batch

    def consolidate(self, learner, update) -> None:
        """Nothing: the memory has taken what was new."""
