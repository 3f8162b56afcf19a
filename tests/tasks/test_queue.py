import numpy as np
import pytest
import tensorflow as tf

from tests.tasks.test_loss_contract import trained
from tests.tasks.test_negatives import row_losses, same
from tests.test_learner import grown, make_batch, make_model
from tfrec.errors import InputError
from tfrec.tasks.loss import InBatchSoftmax
from tfrec.tasks.queue import Queue

QUERY, CANDIDATE = tf.constant([[1.0], [2.0]]), tf.constant([[1.0], [3.0]])


def found(items, log_q=(0.0, 0.0)):
    return {
        "label": tf.constant([0, 1]),
        "count": tf.ones(2),
        "log_q": tf.constant(log_q),
        "item": tf.constant(items, tf.int32),
    }


def started(n):
    queue = Queue(n, temperature=1.0)
    queue.start(1)
    return queue


def test_kept_vectors_are_negatives_unless_they_are_the_rows_own_item():
    queue = started(3)
    queue(QUERY, CANDIDATE, found([7, 8], [0.0, 0.5]))
    # kept: item 7 at 1, item 8 at 3 with log Q 0.5; now rows of items 8 and 9 at 2 and 0:
    #   row 0 (q = 1): own 2, other 0, kept item 7: 1; the kept item 8 is its own
    #   row 1 (q = 2): own 0, other 4, kept 2 and 6 - 0.5
    loss = queue(QUERY, tf.constant([[2.0], [0.0]]), found([8, 9]))
    e = np.exp
    expected = [np.log(e(2) + e(0) + e(1)) - 2, np.log(e(0) + e(4) + e(2) + e(5.5))]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert queue.items.numpy().tolist() == [8, 9, 7]  # the newest first; of four, three stay
    np.testing.assert_array_equal(queue.vectors[:, 0], [2, 0, 1])


def test_nothing_is_kept_outside_of_training():
    queue = started(3)
    queue(QUERY, CANDIDATE, found([7, 8]), training=False)
    assert queue.items.numpy().tolist() == [-1, -1, -1]


def test_no_gradient_reaches_what_is_kept():
    queue = started(2)
    with tf.GradientTape() as tape:
        tape.watch(CANDIDATE)
        queue(QUERY, CANDIDATE, found([7, 8]))
        later = queue(QUERY, tf.constant([[2.0], [0.0]]), found([5, 6]))
    assert tape.gradient(later, CANDIDATE) is None


@pytest.mark.parametrize("n", [0, 50])
def test_an_empty_queue_is_the_in_batch_softmax(n):
    same(row_losses(Queue(n)), row_losses(InBatchSoftmax()))


def test_the_queue_is_in_the_checkpoint_and_is_not_trained(tmp_path):
    learner, _ = trained(Queue(20))
    queue = learner.model.retrieval_loss
    assert (queue.items.numpy() >= 0).any()
    assert not any(v is queue.vectors for v in learner.model.trainable_variables)
    tf.train.Checkpoint(model=learner.model).write(str(tmp_path / "kept"))
    other = make_model(loss=Queue(20))
    other.compute_loss(make_batch(other, grown(other)), training=False)
    tf.train.Checkpoint(model=other).read(str(tmp_path / "kept")).expect_partial()
    for name in ("vectors", "items", "bias"):
        np.testing.assert_array_equal(getattr(other.retrieval_loss, name), getattr(queue, name))


def test_several_replicas_are_refused(monkeypatch):
    strategy = tf.distribute.get_strategy()
    monkeypatch.setattr(type(strategy), "num_replicas_in_sync", 2, raising=False)
    with pytest.raises(InputError, match="model/loss=queue keeps vectors on one device.*runtime=cpu"):
        Queue(2)
