"""Learning again from a sample of the past."""

import numpy as np

from tfrec.errors import require
from tfrec.strategies.strategy import Strategy


class Replay(Strategy):
    """Adds to each batch rows of earlier periods, from a uniform sample of all of them (reservoir).

    Row number n of the stream enters a buffer of M rows with probability M / n, in place of a random one
    (Vitter, ACM TOMS 1985); experience replay of small buffers: Chaudhry et al., 2019. A row is kept as it was
    learned: with the history and the log Q of its time. Until something has been learned, batches stay as they are.

    Args:
        size: rows of the buffer.
        ratio: replayed rows per row of the batch.
    """

    def __init__(self, size: int = 50_000, ratio: float = 0.25, seed: int = 0) -> None:
        require(
            size >= 1 and ratio > 0, f"strategy.replay has size={size}, ratio={ratio}: choose size >= 1, ratio > 0."
        )
        self.size, self.ratio, self.seed = size, ratio, seed
        self.rows: dict[str, np.ndarray] = {}
        self.seen = self.drawn = 0

    def augment(self, batch: dict) -> dict:
        """The batch followed by `ratio * batch` rows of the buffer."""
        if not self.rows:
            return batch
        rng = np.random.default_rng([self.seed, 1, self.drawn])
        self.drawn += 1
        count = round(self.ratio * len(next(iter(batch.values()))))
        chosen = rng.integers(0, min(self.seen, self.size), count)
        return {key: np.concatenate([values, self.rows[key][chosen]]) for key, values in batch.items()}

    def consolidate(self, learner, update) -> None:
        """Offers every example that no earlier update has learned to the buffer, once."""
        rng = np.random.default_rng([self.seed, 2, self.seen])
        fresh = np.arange(update.fresh, len(update.examples))
        number = self.seen + np.arange(len(fresh))
        place = np.where(number < self.size, number, rng.integers(0, number + 1))
        taken = np.flatnonzero(place < self.size)
        batch = update.examples.rows(fresh[taken], update.candidates)
        if not self.rows:
            self.rows = {key: np.zeros((self.size, *v.shape[1:]), v.dtype) for key, v in batch.items()}
        for key, values in batch.items():
            self.rows[key][place[taken]] = values  # numpy keeps the last of several rows for one place, as wanted
        self.seen += len(fresh)

    def state(self) -> dict:
        """The buffer and its counters."""
        return {**self.rows, "counters": np.array([self.seen, self.drawn])}

    def restore(self, state: dict) -> None:
        """Takes the buffer back."""
        self.seen, self.drawn = map(int, state["counters"])
        self.rows = {key: values for key, values in state.items() if key != "counters"}
