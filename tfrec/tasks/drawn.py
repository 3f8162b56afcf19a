"""Candidates that a loss adds to those of the batch, drawn on the host."""

import zlib

import numpy as np

from tfrec.data.history import History
from tfrec.errors import InputError, require


class Drawn:
    """Items drawn as a function of (seed, batch), so that a resumed run draws what the whole run did.

    Args:
        n: how many are drawn for a batch.
        by: `uniform` (different items, all of them if n is as many) or `popularity` (with replacement, by how often
            they were bought in the last `window` periods; at least once).

    Raises:
        InputError: `n` is below 0, or `by` is neither.
    """

    def __init__(self, n: int, by: str, seed: int = 0, window: int = 8) -> None:
        require(n >= 0, f"model.loss.n is {n}: choose 0 or more.")
        if by not in ("uniform", "popularity"):
            raise InputError(f"model.loss.by is '{by}': choose uniform or popularity.")
        self.n, self.by, self.seed, self.window = n, by, seed, window
        self.share = None  # of the events, by item

    def observe(self, history: History) -> None:
        """Takes in how often items were bought."""
        counts = np.maximum(history.popularity(self.window), 1)
        self.share = counts / counts.sum()

    def expected(self, items: np.ndarray) -> np.ndarray:
        """How often each of `items` is drawn for a batch, on average."""
        if self.by == "popularity":
            return self.n * self.share[items]
        return np.full(len(items), min(self.n / len(self.share), 1.0))

    def counts(self, batch: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The different items drawn for a batch, and how often each was."""
        contents = b"".join(np.ascontiguousarray(batch[key]).tobytes() for key in ("item", "label", "user"))
        rng, items = np.random.default_rng([self.seed, zlib.crc32(contents)]), len(self.share)
        if self.by == "popularity":
            drawn = rng.choice(items, self.n, p=self.share)
        else:
            drawn = rng.choice(items, min(self.n, items), replace=False)
        return np.unique(drawn, return_counts=True)


def with_items(batch: dict, features, items: np.ndarray, count: np.ndarray, room: int, replicas: int = 1) -> dict:
    """The batch with `room` more candidates: the items that are no candidates yet, then padding with a count of 0.

    Args:
        batch: as `distinct_candidates` makes it.
        features: the model's, which describe candidates.
        items: different ones, `[n]`, n at most `room`. count: of each, added to what the batch has, `[n]`.
        replicas: whose number divides the number of candidates.
    """
    own = batch["item"][: int(batch["label"].max()) + 1]  # in order, padding after them
    place = np.minimum(np.searchsorted(own, items), len(own) - 1)
    known = own[place] == items
    counts = batch["count"].copy()
    counts[place[known]] += count[known]
    room += -(len(counts) + room) % replicas
    rows = np.append(items[~known], np.repeat(own[:1], room - (~known).sum()))
    more = features.candidates(None, rows)
    found = {key: np.concatenate([batch[key], values.astype(batch[key].dtype)]) for key, values in more.items()}
    counts = np.append(counts, np.pad(count[~known], (0, room - (~known).sum())))
    log_q = np.append(batch["log_q"], np.zeros(room, np.float32))
    return batch | found | {"count": counts.astype(np.float32), "log_q": log_q.astype(np.float32)}
