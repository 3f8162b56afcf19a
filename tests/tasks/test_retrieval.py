import numpy as np
import pytest
import tensorflow as tf

from tfrec.tasks.retrieval import in_batch_softmax

# Three rows; rows 0 and 2 hold the same item 7. Scores q_i . c_j by hand:
#   q = (1,0), (0,1), (1,1); c = (2,0), (0,3), (2,0)
#   row 0: 2 0 2   row 1: 0 3 0   row 2: 2 3 2
QUERY = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
CANDIDATE = tf.constant([[2.0, 0.0], [0.0, 3.0], [2.0, 0.0]])
ITEM = tf.constant([7, 4, 7])
ZERO = tf.zeros(3)


def test_accidental_hits_are_left_out():
    # row 0: column 2 is the same item, so -log(e^2 / (e^2 + e^0)); row 1: no hits; row 2: column 0 is left out
    expected = [
        -np.log(np.exp(2) / (np.exp(2) + 1)),
        -np.log(np.exp(3) / (np.exp(3) + 2)),
        -np.log(np.exp(2) / (np.exp(2) + np.exp(3))),
    ]
    np.testing.assert_allclose(in_batch_softmax(QUERY, CANDIDATE, ITEM, ZERO), expected, rtol=1e-5)


def test_temperature_divides_the_scores():
    expected = -np.log(np.exp(4) / (np.exp(4) + 1))
    assert in_batch_softmax(QUERY, CANDIDATE, ITEM, ZERO, temperature=0.5)[0].numpy() == pytest.approx(
        expected, rel=1e-5
    )


def test_log_q_is_subtracted():
    # candidate 1 is drawn with probability 1/4, candidates 0 and 2 with 1/2
    log_q = tf.math.log([0.5, 0.25, 0.5])
    expected = -np.log((np.exp(2) / 0.5) / (np.exp(2) / 0.5 + 1 / 0.25))
    assert in_batch_softmax(QUERY, CANDIDATE, ITEM, log_q)[0].numpy() == pytest.approx(expected, rel=1e-5)


def test_gradient_of_a_hand_worked_case():
    # d loss_i / d s_ij = p_ij - [i = j]; row 1 alone: p = (1, e^3, 1) / (e^3 + 2), and d/dq_1 = sum_j g_j c_j
    with tf.GradientTape() as tape:
        tape.watch(QUERY)
        loss = in_batch_softmax(QUERY, CANDIDATE, ITEM, ZERO)[1]
    p = np.array([1, np.exp(3), 1]) / (np.exp(3) + 2)
    g = p - [0, 1, 0]
    np.testing.assert_allclose(tape.gradient(loss, QUERY)[1], g @ CANDIDATE.numpy(), rtol=1e-4)


def test_the_gradient_reaches_no_accidental_hit():
    with tf.GradientTape() as tape:
        tape.watch(CANDIDATE)
        loss = in_batch_softmax(QUERY, CANDIDATE, ITEM, ZERO)[0]
    np.testing.assert_array_equal(tape.gradient(loss, CANDIDATE)[2], [0, 0])


def test_log_q_makes_the_sampled_softmax_agree_with_the_full_one():
    """Candidates drawn with probability Q, corrected by log Q: the mean gradient is close to the full softmax's."""
    rng = np.random.default_rng(0)
    q = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
    vectors = tf.constant(rng.normal(size=(5, 3)), tf.float32)
    query = tf.constant(rng.normal(size=(1, 3)), tf.float32)
    full = tf.nn.softmax(tf.linalg.matvec(vectors, query[0])).numpy()

    def mean_probability(correct):
        total = np.zeros(5)
        for _ in range(60):
            items = rng.choice(5, 400, p=q)
            scores = tf.linalg.matvec(tf.gather(vectors, items), query[0])
            scores = scores - (np.log(q)[items] if correct else 0)
            total += np.bincount(items, tf.nn.softmax(scores).numpy(), minlength=5)
        return total / 60

    assert np.abs(mean_probability(True) - full).max() < 0.02
    assert np.abs(mean_probability(False) - full).max() > 0.1


def test_xla_gives_the_same_loss():
    compiled = tf.function(in_batch_softmax, jit_compile=True)
    np.testing.assert_allclose(
        compiled(QUERY, CANDIDATE, ITEM, ZERO), in_batch_softmax(QUERY, CANDIDATE, ITEM, ZERO), rtol=1e-6
    )
