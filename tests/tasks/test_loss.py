import numpy as np
import pytest
import tensorflow as tf

from tests.tasks.test_retrieval import random_batch
from tests.test_learner import grown, make_batch, make_model
from tfrec.errors import InputError
from tfrec.tasks.log_q import StreamingLogQ
from tfrec.tasks.loss import InBatchSoftmax
from tfrec.tasks.retrieval import first_of_each, softmax_of_negatives


def test_the_hardest_negatives_stay():
    # scores of row 0: own 1, negatives 3, 0, 2, of which 3 and 2 stay; of row 1: own 5, negatives 1, 4, 0: 4 and 1
    scores = tf.constant([[1.0, 3.0, 0.0, 2.0], [1.0, 5.0, 4.0, 0.0]])
    loss = softmax_of_negatives(scores, tf.zeros(4), tf.constant([0, 1]), tf.zeros(2), hardest=2)
    e = np.exp
    expected = [np.log(e(1) + e(3) + e(2)) - 1, np.log(e(5) + e(4) + e(1)) - 5]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_only_the_hardest_negatives_get_a_gradient():
    # p = softmax(1, 3, 2) over the columns 0, 1, 3; d loss / d s = p - [j = 0]
    scores = tf.Variable([[1.0, 3.0, 0.0, 2.0]])
    with tf.GradientTape() as tape:
        loss = softmax_of_negatives(scores, tf.zeros(4), tf.constant([0]), tf.zeros(1), hardest=2)
    p = np.exp([1.0, 3.0, 2.0]) / np.exp([1.0, 3.0, 2.0]).sum()
    np.testing.assert_allclose(tape.gradient(loss, scores), [[p[0] - 1, p[1], 0, p[2]]], rtol=1e-5)


@pytest.mark.parametrize("hard_negatives", [12, 1000])
def test_as_many_hard_negatives_as_there_are_is_the_whole_softmax(hard_negatives):
    query, candidate, item, log_q = map(tf.constant, random_batch())
    label, count = first_of_each(item)
    found = {"label": label, "count": count, "log_q": log_q}
    some = InBatchSoftmax(0.5, hard_negatives=hard_negatives)(query, candidate, found)
    np.testing.assert_allclose(some, InBatchSoftmax(0.5)(query, candidate, found), rtol=1e-4, atol=1e-5)


def test_the_streaming_estimate_follows_the_gaps_between_batches():
    # item 0 in batches 1, 2, 4: B = 1; 0.5 * 1 + 0.5 * 1 = 1; 0.5 * 1 + 0.5 * 2 = 1.5
    # item 2 in batches 3, 4: first gap 3, then 0.5 * 3 + 0.5 * 1 = 2
    estimate = StreamingLogQ(rate=0.5)
    for items in ([0], [0], [2], [0, 2]):
        estimate.observe(np.array(items))
    np.testing.assert_array_equal(estimate.gap, [1.5, 0, 2])
    batch = {"item": np.array([0, 2, 0]), "count": np.array([3.0, 1.0, 0.0], np.float32)}
    # batch 5 has both: 0.5 * 1.5 + 0.5 = 1.25 and 0.5 * 2 + 0.5 = 1.5; the third column is padding
    found = estimate.corrected(batch)
    np.testing.assert_allclose(found["log_q"], -np.log([1.25, 1.5, 1.25]), rtol=1e-6)
    assert found["count"].tolist() == [1, 1, 0]


def test_the_streaming_estimate_comes_near_the_probability_of_a_batch():
    rng, estimate, probability = np.random.default_rng(0), StreamingLogQ(0.02), np.array([0.5, 0.1])
    found = []
    for _ in range(6000):
        estimate.observe(np.flatnonzero(rng.random(2) < probability))
        found.append(1 / np.maximum(estimate.gap, 1) if len(estimate.gap) == 2 else [1, 1])
    np.testing.assert_allclose(np.mean(found[3000:], axis=0), probability, rtol=0.15)


def test_the_streaming_estimate_is_in_the_checkpoint_and_moves_in_training_alone(tmp_path):
    model = make_model(loss=InBatchSoftmax(log_q="streaming"))
    history = grown(model)
    batch = make_batch(model, history)
    model.compute_loss(batch, training=False)
    assert model.retrieval_loss.estimate.step == 0
    looked_at = model.batch(batch, learning=False)
    assert model.retrieval_loss.estimate.step == 0 and not model.retrieval_loss.estimate.gap.any()
    np.testing.assert_array_equal(looked_at["log_q"], model.batch(batch)["log_q"])
    tf.train.Checkpoint(model=model).write(str(tmp_path / "kept"))
    other = make_model(loss=InBatchSoftmax(log_q="streaming"))
    grown(other)
    tf.train.Checkpoint(model=other).read(str(tmp_path / "kept")).assert_consumed()
    one, two = model.retrieval_loss.estimate, other.retrieval_loss.estimate
    assert two.step == 1 and np.array_equal(one.gap, two.gap) and np.array_equal(one.last, two.last)


def test_no_correction_is_a_log_q_of_zero():
    batch = {"log_q": np.float32([-1, -2])}
    assert not InBatchSoftmax(log_q="none").candidates(batch, None)["log_q"].any()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"temperature": 0}, "model.loss.temperature is 0: choose above 0"),
        ({"log_q": "best"}, "choose static, streaming or none"),
        ({"hard_negatives": 0}, "model.loss.hard_negatives is 0"),
        ({"hard_negatives": 2, "accidental_hits": True}, "choose one of them"),
        ({"log_q": "streaming", "rate": 0}, "model.loss.rate is 0"),
    ],
)
def test_errors_name_what_to_do(options, words):
    with pytest.raises(InputError, match=words):
        InBatchSoftmax(**options)
