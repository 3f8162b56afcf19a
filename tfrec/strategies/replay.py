"""Learning again from what is kept of the past."""

from dataclasses import replace

import numpy as np

from tfrec.errors import require
from tfrec.memories.reservoir import Reservoir, appended
from tfrec.strategies.strategy import Strategy


class Replay(Strategy):
    """Experience replay: adds to each batch rows of a memory (Chaudhry et al., 2019).

    A row is replayed as it was learned, with the history of its time. Replayed items are negatives too, so that an item
    is in a batch as often as `Q = (Q_t + s Q_B) / (1 + s)`, its shares of the events of now and of what is drawn from
    the memory, `s` the weight of all replayed rows in that of the batch's own: the `log_q` of all rows is of that.
    Until something has been learned, batches stay as they are.

    Args:
        memory: what is kept of earlier periods, see `tfrec.memories`; a uniform sample, if not given.
        ratio: replayed rows per row of the batch.
        seed: of what is drawn, with the number of batches.

    Raises:
        InputError: the ratio is not above 0, up to 10; later, if the memory has no room for what one batch draws.
    """

    def __init__(self, memory: Reservoir | None = None, ratio: float = 0.25, seed: int = 0) -> None:
        require(0 < ratio <= 10, f"strategy.{self.name}.ratio is {ratio}: choose above 0, up to 10.")
        self.memory = Reservoir(seed=seed) if memory is None else memory  # one without rows is false
        self.ratio, self.seed = ratio, seed
        self.drawn = 0
        self.log_q: np.ndarray | None = None  # of what is learned now, by item

    @property
    def name(self) -> str:
        """As it is called in conf/strategy."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def share(self) -> float:
        """The weight of all replayed rows in that of the batch's own."""
        return self.ratio

    def look(self, learner, update) -> None:
        """Lets the memory look at its rows by the weights of now."""
        self.memory.refresh(learner, update)

    def prepare(self, learner, update):
        """The update with the log Q of batches that have rows of the memory."""
        self.log_q = update.candidates.get("log_q")
        rows = self.memory.kept() if self.share else {}
        if self.log_q is None or not len(rows.get("item", ())):  # a plain TFRS model has names of its own
            return update
        drawn = np.bincount(rows["item"], self.memory.chances(), len(self.log_q))
        mixed = (np.exp(self.log_q) + self.share * drawn) / (1 + self.share)
        self.log_q = np.log(mixed).astype(np.float32)
        return replace(update, candidates=update.candidates | {"log_q": self.log_q})

    def augment(self, batch: dict) -> dict:
        """The batch followed by `ratio * batch` rows of the memory."""
        size = len(next(iter(batch.values())))
        rows = self.replayed(size)
        if rows is None:
            return batch
        batch = self.joined(batch, size, rows, len(next(iter(rows.values()))))
        known = self.log_q is not None and "item" in batch
        return batch | {"log_q": self.log_q[batch["item"]]} if known else batch

    def joined(self, batch: dict, size: int, rows: dict, number: int) -> dict:
        """A batch of `size` rows followed by `number` rows of the memory."""
        return appended(batch, rows)

    def weighed(self, batch: dict, size: int, rows: dict, number: int) -> dict:
        """The batch followed by rows of the memory, which `<name>/row` marks: the loss is its mean over the batch's own
        rows, and `share` times that over the memory's."""
        whole = 1 + number / size  # a mean over all rows divides by so much more than one over the batch's own
        weight = batch.get("row_weight", np.ones(size, np.float32)) * whole
        batch = batch | {"row_weight": weight.astype(np.float32), f"{self.name}/row": np.zeros(size, np.float32)}
        kept = {"row_weight": np.full(number, self.share * whole * size / number, np.float32)}
        return appended(batch, rows | kept | {f"{self.name}/row": np.ones(number, np.float32)})

    def replayed(self, size: int) -> dict | None:
        """Rows to replay in a batch of `size` rows, `ratio * size` of them; None as long as there are none."""
        count = max(1, round(self.ratio * size))
        require(
            count <= self.memory.size,
            f"strategy.{self.name}.memory.size is {self.memory.size} rows, but {count} are drawn for a batch of "
            f"{size}: choose a larger memory, or a strategy.{self.name}.ratio below {self.ratio}.",
        )
        if not len(self.memory):
            return None
        rng = np.random.default_rng([self.seed, 1, self.drawn])
        self.drawn += 1
        return self.memory.take(self.memory.draw(count, rng))

    def consolidate(self, learner, update) -> None:
        """Offers every example that no earlier update has learned to the memory, once."""
        self.memory.offer(learner, update)

    def state(self) -> dict:
        """The memory, and how many batches were drawn."""
        return {f"memory/{key}": values for key, values in self.memory.state().items()} | {
            "drawn": np.array(self.drawn)
        }

    def restore(self, state: dict) -> None:
        """Takes the memory back."""
        self.drawn = int(state["drawn"])
        kept = {key.removeprefix("memory/"): values for key, values in state.items() if key.startswith("memory/")}
        self.memory.restore(kept)
