"""Losses of ranking: the candidates of a list against each other, by whether they were chosen.

Each is called with logits, labels (0 or 1) and a mask (0 is padding), all `[lists, length]`, and gives the loss of each
list, `[lists]`, float32. What stands in padding changes neither the loss nor a gradient, and its own gradient is 0.
A list without a positive or without a negative says nothing about the order: its loss is 0.
"""

import tensorflow as tf

from tfrec.errors import require

PADDING = -1e9  # a logit whose softmax is 0 exactly beside any other


class Pointwise:
    """Binary cross-entropy, mean over the list: `-mean_i [y_i log p_i + (1 - y_i) log(1 - p_i)]`, `p = sigmoid(s)`."""

    task = "ranking"

    def __call__(self, logits, labels, mask):
        """Loss of each list, `[lists]`; arguments as in the module's first lines."""
        logits, positive, negative = _parts(logits, labels, mask)
        terms = tf.nn.sigmoid_cross_entropy_with_logits(labels=positive, logits=logits) * (positive + negative)
        mean = tf.math.divide_no_nan(tf.reduce_sum(terms, 1), tf.reduce_sum(positive + negative, 1))
        return mean * _has_both(positive, negative)


class Pairwise:
    """Logistic loss, mean over the pairs of a positive i and a negative j: `mean_ij log(1 + exp(s_j - s_i))`.

    RankNet (Burges et al., ICML 2005). The memory is `lists * length^2`.
    """

    task = "ranking"

    def __call__(self, logits, labels, mask):
        """Loss of each list, `[lists]`; arguments as in the module's first lines."""
        logits, positive, negative = _parts(logits, labels, mask)
        pairs = positive[:, :, None] * negative[:, None, :]
        total = tf.reduce_sum(pairs * tf.nn.softplus(-_differences(logits)), [1, 2])
        return tf.math.divide_no_nan(total, tf.reduce_sum(pairs, [1, 2]))


class Listwise:
    """Cross-entropy of the softmax over the list: `-sum_i y_i / sum(y) log softmax(s)_i`.

    ListNet's top-one loss (Cao et al., ICML 2007) with labels divided by their sum in the place of their softmax.
    """

    task = "ranking"

    def __call__(self, logits, labels, mask):
        """Loss of each list, `[lists]`; arguments as in the module's first lines."""
        logits, positive, negative = _parts(logits, labels, mask)
        log_softmax = tf.nn.log_softmax(tf.where(positive + negative > 0, logits, PADDING))
        target = tf.math.divide_no_nan(positive, tf.reduce_sum(positive, 1, keepdims=True))
        return -tf.reduce_sum(target * log_softmax, 1) * _has_both(positive, negative)


class LambdaRank:
    """Logistic loss of pairs, each weighted by what NDCG@k would change if the two changed places.

    `sum_ij w_ij log(1 + exp(-sigma (s_i - s_j)))` over positives i and negatives j, with
    `w_ij = |D(r_i) - D(r_j)| / ideal DCG@k`, `D(r) = [r <= k] / log2(1 + r)` and r the ranks by the logits of now, so
    that its gradient is LambdaRank's (Burges, MSR-TR-2010-82); no gradient goes through w. It is normalised as in
    LambdaLoss (Wang et al., CIKM 2018): by the ideal DCG alone, not by the number of pairs, nor by the differences of
    logits or the sum of lambdas as LightGBM does. Equal logits rank in the order of the list, as in LightGBM: with
    one rank for all of them a list of equal logits would never be learned from.

    Args:
        k: places of the NDCG; a pair with neither of its two among them has weight 0.
        sigma: steepness of the logistic loss.

    Raises:
        InputError: `k` is below 1 or `sigma` not above 0.
    """

    task = "ranking"

    def __init__(self, k: int = 10, sigma: float = 1.0) -> None:
        require(k >= 1, f"model.loss.k is {k}: choose 1 or more.")
        require(sigma > 0, f"model.loss.sigma is {sigma}: choose above 0.")
        self.k, self.sigma = k, sigma

    def __call__(self, logits, labels, mask):
        """Loss of each list, `[lists]`; arguments as in the module's first lines."""
        logits, positive, negative = _parts(logits, labels, mask)
        pairs = positive[:, :, None] * negative[:, None, :]
        weights = tf.stop_gradient(pairs * self._change(logits, positive, positive + negative))
        return tf.reduce_sum(weights * tf.nn.softplus(-self.sigma * _differences(logits)), [1, 2])

    def _change(self, logits, positive, real):
        """`|delta NDCG@k|` when a positive and another candidate change places, `[lists, length, length]`."""
        discounts = self._discounts(_ranks(logits, real))
        places = tf.range(tf.shape(logits)[1], dtype=tf.float32)[None]
        ideal = tf.where(places < tf.reduce_sum(positive, 1, keepdims=True), self._discounts(places), 0.0)
        change = tf.abs(_differences(discounts))
        return tf.math.divide_no_nan(change, tf.reduce_sum(ideal, 1)[:, None, None])

    def _discounts(self, ranks):
        """`1 / log2(2 + rank)` of ranks from 0 on, and 0 from rank k on."""
        return tf.where(ranks < self.k, tf.math.log(2.0) / tf.math.log(ranks + 2.0), 0.0)


def _parts(logits, labels, mask):
    """Logits, 0 where padding, and which of the candidates are positives and negatives, each `[lists, length]`."""
    real = tf.cast(mask, tf.float32) > 0
    chosen = tf.cast(labels, tf.float32) > 0
    logits = tf.where(real, tf.cast(logits, tf.float32), 0.0)
    return logits, tf.cast(real & chosen, tf.float32), tf.cast(real & ~chosen, tf.float32)


def _has_both(positive, negative):
    """1 for lists with a positive and a negative, `[lists]`."""
    return tf.reduce_max(positive, 1) * tf.reduce_max(negative, 1)


def _differences(values):
    """`values_i - values_j`, `[lists, length, length]`."""
    return values[:, :, None] - values[:, None, :]


def _ranks(logits, real):
    """How many real candidates stand before each, by logit and then by place in the list, `[lists, length]`."""
    place = tf.range(tf.shape(logits)[1])
    ahead = logits[:, :, None] < logits[:, None, :]
    tied = (logits[:, :, None] == logits[:, None, :]) & (place[None, :, None] > place[None, None, :])
    return tf.reduce_sum(tf.cast(ahead | tied, tf.float32) * real[:, None, :], 2)
