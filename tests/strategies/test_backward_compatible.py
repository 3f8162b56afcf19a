import numpy as np
import pytest
import tensorflow as tf

from tests.strategies.test_embedding_distillation import Vectors, batch_of
from tfrec.errors import InputError
from tfrec.strategies.backward_compatible import BackwardCompatible


def test_the_loss_of_new_queries_on_old_items_written_out():
    """q = (1, 0) and (0, 1) on c' = (1, 0), (0, 1) at temperature 1/2: logits (2, 0) and (0, 2). The first row took the
    second item, `2 + ln(1 + e^-2)`, and the second row too, `ln(1 + e^-2)`. No gradient reaches the new items."""
    query, item = tf.Variable([[1.0, 0.0], [0.0, 1.0]]), tf.Variable([[5.0, 5.0], [-3.0, 1.0]])
    batch = batch_of([[9, 9], [9, 9]], [[1, 0], [0, 1]], label=[1, 1])
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
    batch = batch_of([[9, 9]], [[1, 0], [0, 1], [9, 9]], label=[1])
    assert float(BackwardCompatible().penalty(Vectors(1.0), batch, outputs)) == pytest.approx(1 + np.log1p(np.exp(-1)))


def test_where_nothing_was_said_before_it_is_0():
    outputs = {"query": tf.ones((1, 2)), "candidate": tf.ones((1, 2))}
    assert BackwardCompatible().penalty(Vectors(1.0), {"label": tf.constant([0])}, outputs) == 0


def test_a_negative_weight_is_a_sentence():
    with pytest.raises(InputError, match="strategy.backward_compatible.weight is -1: choose 0 or more"):
        BackwardCompatible(-1)
