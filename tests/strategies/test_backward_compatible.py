import numpy as np
import pytest
import tensorflow as tf

from tests.strategies.test_embedding_distillation import batch_of
from tfrec.errors import InputError
from tfrec.strategies.backward_compatible import BackwardCompatible
from tfrec.tasks.loss import InBatchSoftmax


class Vectors:
    """What the strategy asks of two towers."""

    def __init__(self, temperature):
        self.retrieval_loss = InBatchSoftmax(temperature)


def counted(batch, count, log_q=None):
    """With how many rows have each item, and their log Q, 0 if not given."""
    log_q = np.zeros(len(count)) if log_q is None else np.log(log_q)
    return batch | {"count": tf.constant(count, tf.float32), "log_q": tf.constant(log_q, tf.float32)}


def test_the_loss_of_new_queries_on_old_items_written_out():
    """q = (1, 0) and (0, 1) on c' = (1, 0), (0, 1) at temperature 1/2: logits (2, 0) and (0, 2). The first row took the
    second item, `2 + ln(1 + e^-2)`, and the second row too, `ln(1 + e^-2)`. No gradient reaches the new items."""
    query, item = tf.Variable([[1.0, 0.0], [0.0, 1.0]]), tf.Variable([[5.0, 5.0], [-3.0, 1.0]])
    batch = counted(batch_of([[9, 9], [9, 9]], [[1, 0], [0, 1]], label=[1, 1]), [1, 1])
    with tf.GradientTape() as tape:
        penalty = BackwardCompatible(0.3).penalty(Vectors(0.5), batch, {"query": query, "candidate": item})
    assert float(penalty) == pytest.approx(0.3 * (1 + np.log1p(np.exp(-2))), rel=1e-5)
    slopes = tape.gradient(penalty, [query, item])
    assert slopes[1] is None
    # 0.3 / 2 rows / (1/2) * (p - took) c': the second item has p = sigmoid(-2) and sigmoid(2).
    p = 1 / (1 + np.exp([2.0, -2.0]))
    np.testing.assert_allclose(slopes[0], 0.3 * np.stack([1 - p, p - 1], axis=1), rtol=1e-4)


def test_padding_is_no_choice():
    """Logits 1 and 0, the second taken: 1 + ln(1 + e^-1), whatever stands behind the items."""
    outputs = {"query": tf.constant([[1.0, 0.0]]), "candidate": tf.zeros((3, 2))}
    batch = counted(batch_of([[9, 9]], [[1, 0], [0, 1], [9, 9]], label=[1]), [1, 1, 0])
    assert float(BackwardCompatible().penalty(Vectors(1.0), batch, outputs)) == pytest.approx(1 + np.log1p(np.exp(-1)))


def test_items_are_corrected_for_how_often_they_are_drawn_as_in_the_loss():
    """Logits 1 and 0 at Q = 1/2 and 1/4, the first in 3 rows: 1 + ln 2 + ln 3 and ln 4, of which the second is taken.
    An item that the loss draws beside them, with the vector (0, 0) and Q = 1/8, adds ln 8."""
    outputs = {"query": tf.constant([[1.0, 0.0]]), "candidate": tf.zeros((3, 2))}
    batch = counted(batch_of([[9, 9]], [[1, 0], [0, 1]], label=[1]), [3, 1, 1], [1 / 2, 1 / 4, 1 / 8])
    found = BackwardCompatible().penalty(Vectors(1.0), batch, outputs)
    assert float(found) == pytest.approx(np.log(6 * np.e + 4 + 8) - np.log(4), rel=1e-5)


def test_where_nothing_was_said_before_it_is_0():
    outputs = {"query": tf.ones((1, 2)), "candidate": tf.ones((1, 2))}
    assert BackwardCompatible().penalty(Vectors(1.0), {"label": tf.constant([0])}, outputs) == 0


def test_a_negative_weight_is_a_sentence():
    with pytest.raises(InputError, match="strategy.backward_compatible.weight is -1: choose 0 or more"):
        BackwardCompatible(-1)
