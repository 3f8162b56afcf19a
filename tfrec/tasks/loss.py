"""What `TwoTower` asks of a loss, and the softmax over the candidates of a batch."""

import tensorflow as tf

from tfrec.data.history import History
from tfrec.errors import InputError, require
from tfrec.replicas import gathered
from tfrec.tasks.log_q import StreamingLogQ
from tfrec.tasks.retrieval import among, corrected_bias, in_batch_softmax, softmax_of_negatives


class RetrievalLoss(tf.Module):
    """`loss(query, candidate, found, training) -> [batch]`; each other place does nothing unless a loss needs it.

    Args:
        temperature: divides the scores.

    Attributes: `task`, what a model must learn to take the loss; `gathers`, the candidates' features that it reads;
    `kept`, variables in which it remembers batches.

    Raises:
        InputError: the temperature is not above 0.
    """

    task = "retrieval"
    gathers = ("count", "log_q")
    kept: tuple = ()

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        require(temperature > 0, f"model.loss.temperature is {temperature}: choose above 0.")
        self.temperature = temperature

    def start(self, dim: int) -> None:
        """Makes what is kept of vectors `[n, dim]`."""

    def start_anew(self) -> None:
        """Forgets what is estimated of batches on the host: learning starts anew."""

    def observe(self, history: History) -> None:
        """Takes in what is known now, before the next update."""

    def candidates(self, batch: dict, features, replicas: int = 1, learning: bool = True) -> dict:
        """The batch to learn from, each different item once, with the candidates that the loss adds; on the host.

        Args:
            batch: as `distinct_candidates` makes it.
            features: the model's, which describe candidates.
            replicas: whose number divides the number of candidates.
            learning: whether a step follows; what is estimated along the way follows these batches alone.
        """
        return batch

    def of_batch(self, outputs, features, training=True):
        """The loss of each row, `[batch]`, from a model's outputs and the features of this replica."""
        found = {key: gathered(features[key]) for key in self.gathers} | {"label": features["label"]}
        if "no_negative" in features:
            found["hit"] = among(features["no_negative"], tf.shape(outputs["candidate"])[0])
        return self(outputs["query"], outputs["candidate"], found, training)


class InBatchSoftmax(RetrievalLoss):
    """Cross-entropy against the items of the batch, see `in_batch_softmax`.

    Args:
        accidental_hits: whether other rows of a batch with the same item are negatives.
        log_q: how often an item is drawn into a batch: `static` (its share of the last periods' events), `streaming`
            (estimated while learning, see `StreamingLogQ`; an item then counts once a batch, in however many rows it
            is) or `none` (no correction).
        hard_negatives: only as many negatives of each row, those of the highest corrected score; null for all.
        rate: of the streaming estimate.

    Raises:
        InputError: `log_q` is none of the three, or `hard_negatives` is below 1 or goes with `accidental_hits`.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        accidental_hits: bool = False,
        log_q: str = "static",
        hard_negatives: int | None = None,
        rate: float = 0.01,
    ) -> None:
        super().__init__(temperature)
        if log_q not in ("static", "streaming", "none"):
            raise InputError(f"model.loss.log_q is '{log_q}': choose static, streaming or none.")
        require(
            hard_negatives is None or hard_negatives >= 1,
            f"model.loss.hard_negatives is {hard_negatives}: choose 1 or more, or null for all negatives.",
        )
        require(
            hard_negatives is None or not accidental_hits,
            "model.loss.accidental_hits makes negatives of a row's own item, which model.loss.hard_negatives would "
            "keep: choose one of them.",
        )
        self.accidental_hits, self.log_q, self.hard_negatives = accidental_hits, log_q, hard_negatives
        self.estimate = StreamingLogQ(rate) if log_q == "streaming" else None

    def start_anew(self) -> None:
        """See `RetrievalLoss`."""
        if self.estimate is not None:
            self.estimate.start_anew()

    def candidates(self, batch: dict, features, replicas: int = 1, learning: bool = True) -> dict:
        """The batch with the log Q that was chosen; see `RetrievalLoss`."""
        if self.log_q == "none":
            return batch | {"log_q": 0 * batch["log_q"]}
        return self.estimate.corrected(batch, learning) if self.estimate is not None else batch

    def __call__(self, query, candidate, found, training=True):
        """`[batch]`; see `in_batch_softmax`."""
        label, count, log_q, hit = found["label"], found["count"], found["log_q"], found.get("hit")
        if self.hard_negatives is None:
            return in_batch_softmax(query, candidate, label, count, log_q, self.temperature, self.accidental_hits, hit)
        scores = tf.cast(tf.matmul(query / self.temperature, candidate, transpose_b=True), tf.float32)
        own = -tf.gather(tf.cast(log_q, tf.float32), label)
        return softmax_of_negatives(scores, corrected_bias(count, log_q), label, own, self.hard_negatives, hit)
