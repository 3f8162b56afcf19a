"""Losses of retrieval: the candidate that was chosen against those of the other rows of the batch."""

import numpy as np
import tensorflow as tf

_OUT = -1e9  # a logit of no weight, which stays finite in a row that has no other


def in_batch_softmax(query, candidate, label, count, log_q, temperature: float = 1.0, accidental_hits=False, hit=None):
    """Cross-entropy of each row's candidate against the batch's candidates, corrected for how they were drawn.

    `s_ij = <q_i, c_j> / temperature - log Q(j)` and, with a = label_i, `loss_i = -s_ia + log(sum_j n_ij exp(s_ij))`,
    where `Q(j)` is the probability of item j in a batch (logQ correction, Yi et al., RecSys 2019) and `n_ij` how many
    rows of the batch have candidate j. Other rows with row i's own item are no negatives of it (accidental hits):
    `n_ia = 1`, unless `accidental_hits`. As a candidate that stands in many rows is one column, this is the softmax
    over the rows' candidates, with fewer columns.

    The gradient is `d loss_i / d s_ij = softmax_ij - [j = a]`, written out, so that no matrix but the softmax is kept;
    it reaches query and candidate, once (there are no second derivatives).

    Args:
        query: `[batch, dim]`. candidate: `[candidates, dim]`, each item once. label: each row's candidate, `[batch]`.
        count: rows of the batch that have the candidate, `[candidates]`; 0 for padding, which is in no softmax.
        log_q: `[candidates]`.
        accidental_hits: whether other rows with the same item count as negatives.
        hit: which candidates are no negatives of a row beside its own, bool `[batch, candidates]`.

    Returns:
        the loss of each row, `[batch]`, float32.
    """
    bias, log_count = corrected_bias(count, log_q), tf.math.log(tf.cast(count, tf.float32))
    more = tf.gather(log_count, label)  # what the row's own column has over a single row
    less, out = tf.zeros_like(more) if accidental_hits else more, () if hit is None else (hit,)
    loss = _cross_entropy(query / temperature, candidate, bias, label, less, *out)
    return loss + more if accidental_hits else loss


def corrected_bias(count, log_q):
    """`log n_j - log Q(j)`, what is added to the scores of candidate j, `[candidates]`; -inf where n_j = 0."""
    return tf.math.log(tf.cast(count, tf.float32)) - tf.cast(log_q, tf.float32)


def among(columns, candidates):
    """Which candidates a row names, bool `[batch, candidates]`.

    Args:
        columns: `[batch, names]`, int32; -1 is no name. candidates: their number.
    """
    row = tf.broadcast_to(tf.range(tf.shape(columns)[0])[:, None], tf.shape(columns))
    named = tf.cast(columns >= 0, tf.int32)
    return tf.scatter_nd(tf.stack([row, columns * named], axis=2), named, [tf.shape(columns)[0], candidates]) > 0


def softmax_of_negatives(scores, bias, label, own_bias, hardest: int | None = None, hit=None):
    """`log(exp(o_i) + sum_(j in N_i) exp(s_ij + bias_j)) - o_i` with `o_i = s_ia + own_bias_i`, a = label_i: `[batch]`.

    `N_i` are the candidates but a, or those `hardest` among them with the highest `s_ij + bias_j`. A bias of -inf takes
    a candidate out. Automatic derivatives, so it holds more matrices than `in_batch_softmax`.

    Args:
        scores: `[batch, candidates]`, float32. bias: `[candidates]`. label, own_bias: `[batch]`.
        hardest: how many negatives stay; None for all.
        hit: which candidates are no negatives of a row beside its own, bool `[batch, candidates]`.
    """
    own = tf.gather(scores, label, batch_dims=1) + own_bias
    place = tf.stack([tf.range(tf.shape(label)[0]), label], axis=1)
    out = tf.fill(tf.shape(label), -np.inf)
    negatives = tf.tensor_scatter_nd_update(scores + bias, place, out)
    if hit is not None:
        negatives = tf.where(hit, -np.inf, negatives)
    if hardest is not None:
        negatives = tf.math.top_k(negatives, tf.minimum(hardest, tf.shape(scores)[1])).values
    return tf.reduce_logsumexp(tf.concat([own[:, None], negatives], axis=1), axis=1) - own


@tf.custom_gradient
def _cross_entropy(query, candidate, bias, label, less, hit=None):
    """`-log softmax(query candidate^T + bias, its own column's logit lowered by less)[label]`, `[batch]`."""
    logits = tf.nn.bias_add(tf.cast(tf.matmul(query, candidate, transpose_b=True), tf.float32), bias)
    if hit is not None:
        logits = tf.where(hit, _OUT, logits)
    own = tf.stack([tf.range(tf.shape(label)[0]), label], axis=1)
    logits = tf.tensor_scatter_nd_sub(logits, own, less)
    softmax = tf.nn.softmax(logits)
    # log(sum exp) from the largest entry, whose probability is never small.
    log_sum = tf.reduce_max(logits, axis=1) - tf.math.log(tf.reduce_max(softmax, axis=1))

    def gradient(upstream):
        weights, scale = tf.cast(softmax, query.dtype), tf.cast(upstream, query.dtype)[:, None]
        pulled = query * scale
        to_query = (tf.matmul(weights, candidate) - tf.gather(candidate, label)) * scale
        to_candidate = tf.matmul(weights, pulled, transpose_a=True)
        to_candidate -= tf.math.unsorted_segment_sum(pulled, label, tf.shape(candidate)[0])
        return (to_query, to_candidate, None, None, None) + (() if hit is None else (None,))

    return log_sum - tf.gather_nd(logits, own), gradient


def first_of_each(item):
    """The first row with each row's item, `[batch]`, and how many rows it stands for, `[batch]`: 0 for the others.

    So a batch of rows is a batch of candidates without a change of its shape, in graphs that XLA compiles too.

    Args:
        item: `[batch]`.
    """
    label = tf.argmax(item[:, None] == item[None, :], axis=1, output_type=tf.int32)
    return label, tf.math.unsorted_segment_sum(tf.ones_like(label), label, tf.shape(label)[0])
