"""Losses of retrieval against more candidates than those of the batch."""

import numpy as np
import tensorflow as tf

from tfrec.data.history import History
from tfrec.tasks.drawn import Drawn, with_items
from tfrec.tasks.loss import InBatchSoftmax, RetrievalLoss
from tfrec.tasks.retrieval import corrected_bias, in_batch_softmax, softmax_of_negatives


class MixedNegatives(InBatchSoftmax):
    """The in-batch softmax with drawn candidates beside the batch's (Yang et al., WWW 2020).

    `Q(j) = (rows * Q_batch(j) + E_j) / rows`, where `E_j` is how often item j is drawn for a batch on average: one
    correction for the mixture (its constant factor is in no softmax). A drawn item that the batch has is one column
    with it, so that it is no negative of a row's own item. With n = 0 this is the in-batch softmax.

    Args:
        n, by, seed, window: what is drawn; see `Drawn`.
        hard_negatives: see `InBatchSoftmax`.

    Raises:
        InputError: see `Drawn` and `InBatchSoftmax`.
    """

    def __init__(
        self,
        n: int,
        by: str = "uniform",
        temperature: float = 0.1,
        hard_negatives: int | None = None,
        seed: int = 0,
        window: int = 8,
    ) -> None:
        super().__init__(temperature, hard_negatives=hard_negatives)
        self.drawn = Drawn(n, by, seed, window)

    def observe(self, history: History) -> None:
        """See `RetrievalLoss`."""
        self.drawn.observe(history)

    def candidates(self, batch: dict, features, replicas: int = 1, learning: bool = True) -> dict:
        """The batch with what is drawn beside it; see `RetrievalLoss`."""
        if self.drawn.n == 0:
            return batch
        rows, before = len(batch["label"]), len(batch["item"])
        batch = with_items(batch, features, *self.drawn.counts(batch), self.drawn.n, replicas)
        in_batch = np.append(np.exp(batch["log_q"][:before]), self.drawn.share[batch["item"][before:]])
        log_q = np.log(in_batch + self.drawn.expected(batch["item"]) / rows)
        return batch | {"log_q": log_q.astype(np.float32)}


class SampledSoftmax(RetrievalLoss):
    """`-s_ia + log(exp(s_ia) + sum_(j != a) n_j exp(s_ij) / E_j)` over n drawn items, of which `n_j` are item j.

    `E_j` is how often item j is drawn on average, so the sum has the mean of the whole one (Bengio and Senecal,
    2008); with all items drawn uniformly this is the full softmax. The other rows' items are no negatives.

    Args:
        n, by, seed, window: what is drawn; see `Drawn`.

    Raises:
        InputError: see `Drawn` and `RetrievalLoss`.
    """

    def __init__(self, n: int, by: str = "uniform", temperature: float = 0.1, seed: int = 0, window: int = 8) -> None:
        super().__init__(temperature)
        self.drawn = Drawn(n, by, seed, window)

    def observe(self, history: History) -> None:
        """See `RetrievalLoss`."""
        self.drawn.observe(history)

    def candidates(self, batch: dict, features, replicas: int = 1, learning: bool = True) -> dict:
        """The batch with what is drawn, of which alone `count` tells; see `RetrievalLoss`."""
        batch = batch | {"count": 0 * batch["count"]}
        batch = with_items(batch, features, *self.drawn.counts(batch), self.drawn.n, replicas)
        return batch | {"log_q": np.log(self.drawn.expected(batch["item"])).astype(np.float32)}

    def __call__(self, query, candidate, found, training=True):
        """`[batch]`."""
        scores = tf.cast(tf.matmul(query / self.temperature, candidate, transpose_b=True), tf.float32)
        bias, label = corrected_bias(found["count"], found["log_q"]), found["label"]
        return softmax_of_negatives(scores, bias, label, tf.zeros(tf.shape(label)))


class FullSoftmax(RetrievalLoss):
    """Cross-entropy against all items of the catalogue, `-s_ia + log(sum_j exp(s_ij))`, without a correction.

    A step encodes every item and holds a matrix `[batch, items]`, so that its cost grows with the catalogue: for small
    ones. The room for items doubles, so that a graph sees few shapes.
    """

    def observe(self, history: History) -> None:
        """See `RetrievalLoss`."""
        self.items = len(history.items)

    def candidates(self, batch: dict, features, replicas: int = 1, learning: bool = True) -> dict:
        """The batch with every item, each once; see `RetrievalLoss`."""
        room, items = 1 << (self.items - 1).bit_length(), np.arange(self.items)
        count = np.ones(self.items, np.float32)
        batch = batch | {"count": 0 * batch["count"]}
        batch = with_items(batch, features, items, count, room, replicas)
        return batch | {"log_q": 0 * batch["log_q"]}

    def __call__(self, query, candidate, found, training=True):
        """`[batch]`."""
        return in_batch_softmax(query, candidate, found["label"], found["count"], found["log_q"], self.temperature)
