import numpy as np
import pytest
import tensorflow as tf

from tfrec.tasks.retrieval import first_of_each, in_batch_softmax

# Three rows; rows 0 and 2 hold the same item 7. Scores q_i . c_j by hand:
#   q = (1,0), (0,1), (1,1); c = (2,0), (0,3), (2,0)
#   row 0: 2 0 2   row 1: 0 3 0   row 2: 2 3 2
QUERY = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
CANDIDATE = tf.constant([[2.0, 0.0], [0.0, 3.0], [2.0, 0.0]])
ITEM = tf.constant([7, 4, 7])
ZERO = tf.zeros(3)


def loss_of(query, candidate, item, log_q, **options):
    """The loss with a candidate a row, of which those that repeat an item count for nothing."""
    return in_batch_softmax(query, candidate, *first_of_each(item), log_q, **options)


def pairwise(query, candidate, item, log_q, temperature=1.0, accidental_hits=False):
    """The definition over the rows' candidates, one by one: an independent implementation in numpy."""
    scores = np.asarray(query, np.float64) @ np.asarray(candidate, np.float64).T / temperature - np.asarray(log_q)
    losses = []
    for i in range(len(scores)):
        others = [j for j in range(len(scores)) if j != i and (accidental_hits or item[j] != item[i])]
        losses.append(np.log(np.exp(scores[i, others]).sum() + np.exp(scores[i, i])) - scores[i, i])
    return np.array(losses)


def random_batch(rows=40, items=12, dim=5, seed=0):
    """Vectors and log Q belong to items, as they do in a model; rows repeat them."""
    rng = np.random.default_rng(seed)
    item = rng.integers(0, items, rows)
    vectors, log_q = rng.normal(size=(items, dim)), np.log(rng.random(items))
    query = rng.normal(size=(rows, dim))
    return [np.asarray(a, np.float32) for a in (query, vectors[item])] + [item, np.asarray(log_q[item], np.float32)]


def test_first_of_each_names_the_first_row_of_an_item_and_how_many_there_are():
    label, count = first_of_each(ITEM)
    assert label.numpy().tolist() == [0, 1, 0] and count.numpy().tolist() == [2, 1, 0]


@pytest.mark.parametrize("accidental_hits", [False, True])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_loss_is_that_of_the_definition(accidental_hits, jit_compile):
    batch, options = random_batch(), {"temperature": 0.5, "accidental_hits": accidental_hits}
    loss = tf.function(lambda *some: loss_of(*some, **options), jit_compile=jit_compile)
    np.testing.assert_allclose(loss(*map(tf.constant, batch)), pairwise(*batch, **options), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("accidental_hits", [False, True])
def test_the_gradient_is_that_of_automatic_differentiation(accidental_hits):
    """Beside TensorFlow's own derivative of log-sum-exp over the rows' candidates, for unequal weights of rows."""
    query, candidate, item, log_q = map(tf.constant, random_batch())
    weight = tf.constant(np.random.default_rng(1).random(len(item)), tf.float32)

    def by_definition():
        scores = tf.matmul(query, candidate, transpose_b=True) - log_q
        own = tf.linalg.diag_part(scores)
        if not accidental_hits:
            hits = (item[:, None] == item[None, :]) & ~tf.eye(len(item), dtype=tf.bool)
            scores = tf.where(hits, scores.dtype.min, scores)
        return tf.reduce_logsumexp(scores, axis=1) - own

    found = []
    for loss in (lambda: loss_of(query, candidate, item, log_q, accidental_hits=accidental_hits), by_definition):
        with tf.GradientTape() as tape:
            tape.watch([query, candidate])
            total = tf.reduce_sum(weight * loss())
        to_query, to_candidate = tape.gradient(total, [query, candidate])
        # An item's vector stands in many rows, so what counts is the sum over them.
        found.append((to_query, tf.math.unsorted_segment_sum(to_candidate, item, 12)))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_padding_changes_neither_loss_nor_gradient():
    query, candidate, item, log_q = random_batch()
    _, first, label, count = np.unique(item, return_index=True, return_inverse=True, return_counts=True)
    found = []
    for padding in (0, 3):
        rows = np.append(first, np.repeat(first[:1], padding))
        vectors, q = tf.Variable(candidate[rows]), tf.Variable(query)
        with tf.GradientTape() as tape:
            loss = in_batch_softmax(
                q, vectors, tf.constant(label, tf.int32), np.pad(count, (0, padding)), tf.constant(log_q[rows])
            )
            total = tf.reduce_mean(loss)
        found.append([loss, *tape.gradient(total, [q, vectors])])
    assert not found[1][2][len(first) :].numpy().any()
    for one, padded in zip(*found, strict=True):
        np.testing.assert_allclose(padded[: len(one)], one, rtol=1e-5, atol=1e-7)


def test_scores_far_apart_stay_finite():
    # scores 0 and -2000: the loss of the far candidate is 2000, of the near one 0
    query, candidate = tf.constant([[1.0], [1.0]]), tf.constant([[0.0], [-2000.0]])
    np.testing.assert_allclose(loss_of(query, candidate, tf.constant([0, 1]), tf.zeros(2)), [0, 2000], atol=1e-4)


def test_accidental_hits_are_left_out():
    # row 0: column 2 is the same item, so -log(e^2 / (e^2 + e^0)); row 1: no hits; row 2: column 0 is left out
    expected = [
        -np.log(np.exp(2) / (np.exp(2) + 1)),
        -np.log(np.exp(3) / (np.exp(3) + 2)),
        -np.log(np.exp(2) / (np.exp(2) + np.exp(3))),
    ]
    np.testing.assert_allclose(loss_of(QUERY, CANDIDATE, ITEM, ZERO), expected, rtol=1e-5)


def test_temperature_divides_the_scores():
    expected = -np.log(np.exp(4) / (np.exp(4) + 1))
    assert loss_of(QUERY, CANDIDATE, ITEM, ZERO, temperature=0.5)[0].numpy() == pytest.approx(expected, rel=1e-5)


def test_log_q_is_subtracted():
    # candidate 1 is drawn with probability 1/4, candidates 0 and 2 with 1/2
    log_q = tf.math.log([0.5, 0.25, 0.5])
    expected = -np.log((np.exp(2) / 0.5) / (np.exp(2) / 0.5 + 1 / 0.25))
    assert loss_of(QUERY, CANDIDATE, ITEM, log_q)[0].numpy() == pytest.approx(expected, rel=1e-5)


def test_gradient_of_a_hand_worked_case():
    # d loss_i / d s_ij = p_ij - [i = j]; row 1 alone: p = (1, e^3, 1) / (e^3 + 2), and d/dq_1 = sum_j g_j c_j
    with tf.GradientTape() as tape:
        tape.watch(QUERY)
        loss = loss_of(QUERY, CANDIDATE, ITEM, ZERO)[1]
    p = np.array([1, np.exp(3), 1]) / (np.exp(3) + 2)
    g = p - [0, 1, 0]
    np.testing.assert_allclose(tape.gradient(loss, QUERY)[1], g @ CANDIDATE.numpy(), rtol=1e-4)


def test_the_gradient_reaches_no_accidental_hit():
    with tf.GradientTape() as tape:
        tape.watch(CANDIDATE)
        loss = loss_of(QUERY, CANDIDATE, ITEM, ZERO)[0]
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
    compiled = tf.function(loss_of, jit_compile=True)
    np.testing.assert_allclose(compiled(QUERY, CANDIDATE, ITEM, ZERO), loss_of(QUERY, CANDIDATE, ITEM, ZERO), rtol=1e-6)
