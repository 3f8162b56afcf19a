"""Losses of retrieval: the candidate that was chosen against those of the other rows of the batch."""

import tensorflow as tf


def in_batch_softmax(query, candidate, item, log_q, temperature: float = 1.0):
    """Cross-entropy of each row's candidate against the batch's candidates, corrected for how they were drawn.

    `s_ij = <q_i, c_j> / temperature - log Q(j)`, `loss_i = -log softmax_j(s_ij)[i]`, where `Q(j)` is the
    probability of item j in a batch (logQ correction, Yi et al., RecSys 2019), and another row's candidate that
    is the same item as row i's is left out of row i's softmax (accidental hit).

    Args:
        query: `[batch, dim]`. candidate: `[batch, dim]`. item: item rows, `[batch]`. log_q: `[batch]`.

    Returns:
        the loss of each row, `[batch]`, float32.
    """
    scores = tf.cast(tf.matmul(query, candidate, transpose_b=True), tf.float32) / temperature
    scores -= tf.cast(log_q, tf.float32)[None, :]
    row = tf.range(tf.shape(item)[0])
    accidental = (item[:, None] == item[None, :]) & (row[:, None] != row[None, :])
    scores = tf.where(accidental, scores.dtype.min, scores)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=row, logits=scores)
