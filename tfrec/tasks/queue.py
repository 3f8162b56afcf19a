"""Candidate vectors of earlier batches as negatives."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.tasks.loss import RetrievalLoss
from tfrec.tasks.retrieval import corrected_bias, in_batch_softmax, softmax_of_negatives


class Queue(RetrievalLoss):
    """The in-batch softmax with the last n candidate vectors beside the batch's, as they were when they were encoded.

    `-s_ia + log(sum_j n_ij exp(s_ij) + sum_m n_m exp(<q_i, v_m> / temperature - log Q_m))` over kept vectors `v_m` of
    another item than row i's, each with the rows and the log Q of its batch; no gradient reaches them (XBM, Wang et
    al., CVPR 2020; CBNS, Wang et al., SIGIR 2021). A batch is kept, after its loss, in training only; its padding takes
    room too. A kept vector stays until n newer ones came, through later updates too. With n = 0, and before the first
    batch, this is the in-batch softmax.

    Args:
        n: vectors that are kept; they are variables of the checkpoint, not trained.

    Raises:
        InputError: n is below 0, or there are several replicas, each of which would keep its own.
    """

    gathers = ("count", "log_q", "item")

    def __init__(self, n: int = 4096, temperature: float = 0.1) -> None:
        super().__init__(temperature)
        require(n >= 0, f"model.loss.n is {n}: choose 0 or more.")
        require(
            tf.distribute.get_strategy().num_replicas_in_sync == 1,
            "model/loss=queue keeps vectors on one device, and this runtime has several: choose runtime=cpu or gpu, or "
            "model/loss=mixed_negatives.",
        )
        self.n = n

    def start(self, dim: int) -> None:
        """Makes room for n vectors `[n, dim]`."""
        self.vectors = tf.Variable(tf.zeros((self.n, dim)), trainable=False, name="queue/vectors")
        self.items = tf.Variable(tf.fill(self.n, -1), trainable=False, name="queue/items")
        self.bias = tf.Variable(tf.fill(self.n, -np.inf), trainable=False, name="queue/bias")  # -inf: none yet
        self.kept = (self.vectors, self.items, self.bias)

    def __call__(self, query, candidate, found, training=True):
        """`[batch]`."""
        label, count, log_q = found["label"], found["count"], found["log_q"]
        if self.n == 0:
            return in_batch_softmax(query, candidate, label, count, log_q, self.temperature)
        bias, item = corrected_bias(count, log_q), found["item"]
        kept = tf.cast(self.vectors, candidate.dtype)
        scores = tf.matmul(query / self.temperature, tf.concat([candidate, kept], axis=0), transpose_b=True)
        hit = tf.gather(item, label)[:, None] == self.items[None, :]
        hit = tf.concat([tf.zeros(tf.shape(scores[:, : tf.shape(item)[0]]), tf.bool), hit], axis=1)
        own = -tf.gather(tf.cast(log_q, tf.float32), label)
        all_bias = tf.concat([bias, self.bias], axis=0)
        loss = softmax_of_negatives(tf.cast(scores, tf.float32), all_bias, label, own, hit=hit)
        if training:
            with tf.control_dependencies([loss]):
                self._keep(tf.stop_gradient(candidate), item, bias)
        return loss

    def _keep(self, candidate, item, bias) -> None:
        """Puts a batch's candidates first; the oldest leave."""
        for kept, new in zip(self.kept, (candidate, item, bias), strict=True):
            kept.assign(tf.concat([tf.cast(new, kept.dtype), kept], axis=0)[: self.n])
