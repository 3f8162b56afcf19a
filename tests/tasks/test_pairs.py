"""Pairwise losses of retrieval: by hand, and against loops over the rows of a batch."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tasks.test_retrieval import random_batch
from tfrec.errors import InputError
from tfrec.tasks.pairs import Bpr, Hinge
from tfrec.tasks.retrieval import first_of_each

LOSSES = [Bpr(0.5), Hinge(1.0, 0.5)]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=["bpr", "hinge"])


def one_row(loss, scores, count, log_q=None, label=0):
    """The loss of a row with these scores, and its gradient."""
    candidate = tf.constant(scores, tf.float32)[:, None]
    log_q = tf.zeros(len(scores)) if log_q is None else tf.constant(log_q)
    found = {"label": tf.constant([label]), "count": tf.constant(count), "log_q": log_q}
    with tf.GradientTape() as tape:
        tape.watch(candidate)
        value = loss(tf.ones((1, 1)), candidate, found)
    return value.numpy().item(), tape.gradient(value, candidate).numpy()[:, 0]


def test_bpr_by_hand():
    # Own log 3; negatives 0 (in two rows) and log 3; the last column is padding. sigmoid(log 3) = 3/4 and
    # sigmoid(0) = 1/2: (2 * -log 3/4 - log 1/2) / 3, and the gradient of a negative n_j / 3 * sigmoid(s_j - s_a):
    # 2/3 * 1/4 and 1/3 * 1/2, of which the own has the negative sum.
    value, gradient = one_row(Bpr(1.0), [np.log(3), 0.0, np.log(3), 9.0], [1.0, 2.0, 1.0, 0.0])
    assert value == pytest.approx((2 * np.log(4 / 3) + np.log(2)) / 3)
    np.testing.assert_allclose(gradient, [-1 / 3, 1 / 6, 1 / 6, 0], rtol=1e-5)


def test_hinge_by_hand():
    # Own 2, margin 1; negatives 0 (ahead by 2: nothing), 1.5 (0.5, in two rows) and 4 (3): (2 * 0.5 + 3) / 4
    value, gradient = one_row(Hinge(1.0, 1.0), [2.0, 0.0, 1.5, 4.0], [1.0, 1.0, 2.0, 1.0])
    assert value == pytest.approx(1)
    np.testing.assert_allclose(gradient, [-3 / 4, 0, 2 / 4, 1 / 4])


def test_the_hardest_negatives_stay():
    # Of the negatives 0, 1.5 (two rows), 4 and padding at 9 the hardest two are 4 and 1.5: (3 + 2 * 0.5) / 3
    scores, count = [2.0, 0.0, 1.5, 4.0, 9.0], [1.0, 1.0, 2.0, 1.0, 0.0]
    value, gradient = one_row(Hinge(1.0, 1.0, hard_negatives=2), scores, count)
    assert value == pytest.approx(4 / 3)
    np.testing.assert_allclose(gradient, [-1, 0, 2 / 3, 1 / 3, 0], rtol=1e-6)
    assert one_row(Hinge(1.0, 1.0, hard_negatives=1), scores, count)[0] == pytest.approx(3)
    for kind in (Bpr, Hinge):
        all_of, hardest = kind(temperature=1.0), kind(temperature=1.0, hard_negatives=99)
        whole, some = one_row(all_of, scores, count), one_row(hardest, scores, count)
        np.testing.assert_allclose(some[1], whole[1], rtol=1e-5, atol=1e-7)


def test_log_q_is_taken_from_the_scores():
    # Own 1 - log(1/2), negative 1 - log(1/4): behind by log 2, so sigmoid is 1/3
    value, _ = one_row(Bpr(1.0), [1.0, 1.0], [1.0, 1.0], np.log([0.5, 0.25]).astype(np.float32))
    assert value == pytest.approx(np.log(3), rel=1e-6)


@every_loss
def test_it_is_the_mean_over_the_rows_with_another_item(loss):
    query, candidate, item, log_q = random_batch()
    label, count = first_of_each(tf.constant(item))
    first = label.numpy()
    value = loss(tf.constant(query), tf.constant(candidate), {"label": label, "count": count, "log_q": log_q})
    scores = query @ candidate[first].T / 0.5 - log_q[first]
    for i, own in enumerate(item):
        ahead = np.array([scores[i, i] - scores[i, j] for j, other in enumerate(item) if other != own])
        expected = np.log1p(np.exp(-ahead)) if type(loss) is Bpr else np.maximum(0, 1 - ahead)
        assert value[i].numpy() == pytest.approx(expected.mean(), rel=1e-4)
    assert len(set(item)) < len(item)  # an item stands in several rows


@every_loss
def test_a_row_without_negatives_has_no_loss(loss):
    value, gradient = one_row(loss, [1.0, 5.0], [3.0, 0.0])
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize("kind", [Bpr, Hinge])
def test_xla_gives_the_same_hardest(kind):
    query, candidate, item, log_q = random_batch()
    label, count = first_of_each(tf.constant(item))
    given = [tf.constant(query), tf.constant(candidate), {"label": label, "count": count, "log_q": tf.constant(log_q)}]
    loss = kind(hard_negatives=3)
    np.testing.assert_allclose(tf.function(loss, jit_compile=True)(*given), loss(*given), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Hinge(0), "model.loss.margin is 0: choose above 0"),
        (lambda: Bpr(hard_negatives=0), "model.loss.hard_negatives is 0"),
        (lambda: Bpr(log_q="best"), "choose static, streaming or none"),
    ],
)
def test_errors_name_what_to_do(make, words):
    with pytest.raises(InputError, match=words):
        make()
