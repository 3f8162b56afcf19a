import numpy as np
import pytest
import tensorflow as tf

from tests.test_learner import grown, make_batch, make_model
from tfrec.errors import InputError
from tfrec.tasks.drawn import Drawn, with_items
from tfrec.tasks.loss import InBatchSoftmax
from tfrec.tasks.negatives import FullSoftmax, MixedNegatives, SampledSoftmax


class Named:
    """Candidate features that are the item alone."""

    @staticmethod
    def candidates(history, rows):
        return {"item": rows}


class History:
    """How often four items were bought."""

    items = range(4)

    @staticmethod
    def popularity(window):
        return np.array([5, 3, 2, 0])


# Three rows: items 1, 3, 1; one column is padding.
BATCH = {
    "item": np.array([1, 3, 1]),
    "label": np.array([0, 1, 0], np.int32),
    "count": np.array([2, 1, 0], np.float32),
    "log_q": np.log(np.array([0.25, 0.5, 0.25], np.float32)),
    "user": np.arange(3),
}


def observed(drawn):
    drawn.observe(History)
    return drawn


def row_losses(loss, batch_of=lambda model, batch: model.batch(batch)):
    """Row losses of a model with random tables, and the gradients of their sum."""
    model = make_model(loss=loss)
    batch = make_batch(model, grown(model), rows=16)
    rng = np.random.default_rng(0)
    for table in (model.user_table, model.item_table):
        table.table.assign(rng.normal(0, 0.3, table.table.shape))
    features = {key: tf.constant(values) for key, values in batch_of(model, batch).items()}
    with tf.GradientTape() as tape:
        losses = model.task_losses(model(features, training=True), features)["retrieval"]
        total = tf.reduce_sum(losses)
    tables = [model.user_table.table, model.item_table.table]
    return losses.numpy(), [tf.convert_to_tensor(g).numpy() for g in tape.gradient(total, tables)]


def same(one, other):
    np.testing.assert_allclose(one[0], other[0], rtol=1e-4, atol=1e-5)
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
        assert np.abs(a).max() > 0


def test_items_that_the_batch_has_add_to_their_column_and_the_others_follow():
    found = with_items(BATCH, Named, np.array([0, 1]), np.array([2, 3]), room=3)
    # columns 1, 3, padding, then 0 and two more for padding
    assert found["item"].tolist() == [1, 3, 1, 0, 1, 1] and found["count"].tolist() == [5, 1, 0, 2, 0, 0]
    assert len(with_items(BATCH, Named, np.array([0]), np.array([1]), 3, replicas=4)["count"]) == 8
    assert BATCH["count"].tolist() == [2, 1, 0]


def test_log_q_is_that_of_the_mixture():
    # popularity, none below 1: 5, 3, 2, 1 of 11; 2 drawn beside 3 rows: Q + 2/3 share
    loss = MixedNegatives(2, "popularity")
    observed(loss.drawn)
    found = loss.candidates(BATCH, Named)
    share = np.array([5, 3, 2, 1]) / 11
    in_batch = np.append([0.25, 0.5, 0.25], share[found["item"][3:]])
    np.testing.assert_allclose(np.exp(found["log_q"]), in_batch + 2 / 3 * share[found["item"]], rtol=1e-5)
    assert found["count"].sum() == 3 + 2


def test_uniform_draws_are_different_items_and_popular_ones_come_as_often_as_expected():
    uniform, popular = observed(Drawn(3, "uniform")), observed(Drawn(6, "popularity"))
    total = np.zeros((2, 4))
    for n in range(2000):
        for kind, drawn in enumerate((uniform, popular)):
            items, counts = drawn.counts(BATCH | {"user": np.array([n])})
            total[kind, items] += counts
            assert kind or (len(items) == 3 and counts.max() == 1)
    np.testing.assert_allclose(total[0] / 2000, 3 / 4, rtol=0.1)
    np.testing.assert_allclose(total[1] / 2000, 6 * np.array([5, 3, 2, 1]) / 11, rtol=0.1)
    np.testing.assert_allclose(total[0].sum() / 2000, uniform.expected(np.arange(4)).sum())


def test_draws_are_a_function_of_seed_and_batch():
    one, again, other = (observed(Drawn(2, "uniform", seed)) for seed in (0, 0, 1))
    batches = [BATCH | {"user": np.array([n])} for n in range(20)]
    found = [[drawn.counts(batch)[0].tolist() for batch in batches] for drawn in (one, again, other)]
    assert found[0] == found[1] != found[2] and len({tuple(items) for items in found[0]}) > 1


def test_no_more_candidates_is_the_in_batch_softmax():
    same(row_losses(MixedNegatives(0)), row_losses(InBatchSoftmax()))


def test_all_items_drawn_once_are_the_full_softmax():
    same(row_losses(SampledSoftmax(30, "uniform")), row_losses(FullSoftmax()))


def test_the_full_softmax_is_that_of_all_scores():
    model = make_model(loss=FullSoftmax(0.5))
    history = grown(model)
    batch = make_batch(model, history, rows=8)
    model.user_table.table.assign(np.random.default_rng(0).normal(size=model.user_table.table.shape))
    query = model.query_embeddings(batch).numpy()
    items = np.arange(len(history.items))
    scores = query @ model.candidate_embeddings(model.features.candidates(history, items)).numpy().T / 0.5
    expected = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(8), batch["item"]]
    features = {key: tf.constant(values) for key, values in model.batch(batch).items()}
    found = model.task_losses(model(features), features)["retrieval"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("by", ["uniform", "popularity"])
def test_the_sampled_sum_has_the_mean_of_the_whole_sum(by):
    loss = SampledSoftmax(2, by, temperature=1.0)
    observed(loss.drawn)
    scores = np.array([0.3, -0.5, 1.0, 0.2], np.float32)  # of items 0..3; the row's own is item 1
    graph, total = tf.function(lambda candidate, found: loss(tf.ones((3, 1)), candidate, found)[0]), []
    for n in range(2000):
        found = loss.candidates(BATCH | {"user": np.array([n])}, Named)
        tensors = {key: tf.constant(found[key]) for key in ("label", *loss.gathers)}
        log_sum = graph(tf.constant(scores[found["item"]])[:, None], tensors).numpy() + scores[1]
        total.append(np.exp(log_sum))
    assert np.mean(total) == pytest.approx(np.exp(scores).sum(), rel=0.05)


@pytest.mark.parametrize("options, words", [({"n": -1}, "model.loss.n is -1"), ({"n": 1, "by": "x"}, "choose uniform")])
def test_errors_name_what_to_do(options, words):
    with pytest.raises(InputError, match=words):
        MixedNegatives(**options)
