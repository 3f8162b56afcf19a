"""Losses of retrieval that compare each row's candidate with one other candidate of the batch at a time."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.tasks.loss import InBatchSoftmax


class Bpr(InBatchSoftmax):
    """`mean_j -log sigmoid(s_ia - s_ij)` over the batch's candidates j but row i's own, a.

    Bayesian personalised ranking (Rendle et al., UAI 2009) of scores `s_ij = <q_i, c_j> / temperature - log Q(j)`.
    Negatives come as often as they are in a batch, which the softmax's correction takes back; `log_q=none` leaves it
    out. A candidate counts as often as it has rows; other rows with row i's own item are no negatives of it. A row
    without negatives has loss 0.

    Args:
        log_q, rate: see `InBatchSoftmax`.
        hard_negatives: only as many different candidates of each row, those of the highest score; null for all.

    Raises:
        InputError: see `InBatchSoftmax`.
    """

    def __init__(
        self, temperature: float = 0.1, log_q: str = "static", hard_negatives: int | None = None, rate: float = 0.01
    ) -> None:
        super().__init__(temperature, log_q=log_q, hard_negatives=hard_negatives, rate=rate)

    def __call__(self, query, candidate, found, training=True):
        """`[batch]`."""
        scores = tf.cast(tf.matmul(query / self.temperature, candidate, transpose_b=True), tf.float32)
        scores -= tf.cast(found["log_q"], tf.float32)
        own = tf.gather(scores, found["label"], batch_dims=1)[:, None]
        others = tf.one_hot(found["label"], tf.shape(scores)[1], on_value=0.0, off_value=1.0)
        count = tf.cast(found["count"], tf.float32) * others  # 0 for the own candidate and for padding
        if self.hard_negatives is not None:
            most = tf.minimum(self.hard_negatives, tf.shape(scores)[1])
            hardest = tf.math.top_k(tf.where(count > 0, scores, -np.inf), most).indices
            scores, count = (tf.gather(values, hardest, batch_dims=1) for values in (scores, count))
        total = tf.reduce_sum(count * self.of_pairs(own - scores), axis=1)
        return tf.math.divide_no_nan(total, tf.reduce_sum(count, axis=1))

    def of_pairs(self, ahead):
        """The loss of pairs whose first is `ahead` of the other, elementwise."""
        return tf.nn.softplus(-ahead)


class Hinge(Bpr):
    """`mean_j max(0, margin - (s_ia - s_ij))`; the scores and the candidates j are those of `Bpr`.

    Args:
        margin: how far ahead the own candidate must be, after the division by the temperature.
        log_q, rate, hard_negatives: see `Bpr`; one hard negative is the loss of the worst violation.

    Raises:
        InputError: the margin is not above 0; see `Bpr`.
    """

    def __init__(
        self,
        margin: float = 1.0,
        temperature: float = 0.1,
        log_q: str = "static",
        hard_negatives: int | None = None,
        rate: float = 0.01,
    ) -> None:
        super().__init__(temperature, log_q, hard_negatives, rate)
        require(margin > 0, f"model.loss.margin is {margin}: choose above 0.")
        self.margin = margin

    def of_pairs(self, ahead):
        """See `Bpr`."""
        return tf.nn.relu(self.margin - ahead)
