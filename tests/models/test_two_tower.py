import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.test_learner import grown, make_batch, make_model
from tests.toy import make_interactions
from tfrec.data.features import TowerFeatures
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.encoders.presets import scratch
from tfrec.errors import InputError
from tfrec.models.scoring import Towers, TowerScores, encode
from tfrec.models.two_tower import TwoTower
from tfrec.peft.last_k import LastK


def test_vectors_are_the_formula_written_out():
    """q = known * user + W' (sum_h w_h item_h) + b; c = item + kind: in numpy."""
    model = make_model()
    batch = make_batch(model, grown(model))
    batch["user_known"][::2] = 0
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    user, item = model.user_table.table.numpy(), model.item_table.table.numpy()
    kind, kernel, bias = model.categories.tables["category/kind"].table.numpy(), *model.history_map.get_weights()
    pooled = np.einsum("nh,nhd->nd", batch["history_weight"], item[batch["history"]])
    outputs = model(batch)
    query = batch["user_known"][:, None] * user[batch["user"]] + pooled @ kernel + bias
    np.testing.assert_allclose(outputs["query"], query, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs["candidate"], item[batch["item"]] + kind[batch["category/kind"]], rtol=1e-5)


def test_compile_fit_evaluate_as_any_keras_model():
    model = make_model(dropout=0.1)
    history = grown(model)
    batches = [make_batch(model, history, seed=seed) for seed in range(4)]
    data = tf.data.Dataset.from_generator(
        lambda: iter(batches), output_signature={k: tf.TensorSpec(v.shape, v.dtype) for k, v in batches[0].items()}
    )
    model.compile(optimizer=tf_keras.optimizers.Adagrad(0.5))
    losses = model.fit(data, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    evaluated = model.evaluate(data, return_dict=True, verbose=0)
    assert evaluated["loss"] == pytest.approx(float(model.compute_loss(batches[-1])), rel=1e-5)


def history_after(periods):
    stream = Stream(make_interactions())
    history = History()
    for t in range(periods):
        history.observe(stream[t])
    return stream, history


def new_rows(model):
    """Item rows after the base's were set to known values and period 3 brought new items."""
    stream, history = history_after(3)
    model.grow(history, stream.items)
    first = len(history.items)
    known = np.random.default_rng(0).normal(size=(first, model.dim)).astype(np.float32)
    model.item_table.assign(np.arange(first), known)
    history.observe(stream[3])
    model.grow(history, stream.items)
    model.start_rows(history, 2)
    assert len(history.items) > first
    table = model.item_table.table.numpy()
    np.testing.assert_array_equal(table[:first], known)
    return known, table[first : len(history.items)]


def test_new_items_start_at_zero():
    assert not new_rows(make_model(new_items="zero"))[1].any()


def test_new_items_start_at_the_mean():
    known, new = new_rows(make_model(new_items="mean"))
    np.testing.assert_allclose(new, np.tile(known.mean(axis=0), (len(new), 1)), rtol=1e-5)


def test_new_items_start_from_their_text():
    """Items of one text get one row, and different texts get different rows of the size of the known ones."""
    model = make_model(new_items="text", encoder=scratch())
    stream, history = history_after(3)
    items = stream.items.assign(text=[f"thing {i % 7}" if i % 2 else f"other {i % 3}" for i in range(30)])
    model.grow(history, items)
    first = len(history.items)
    texts = model.features.candidates(history, np.arange(first))["text"]
    vectors = model.text.vectors_of(texts)
    weights = np.random.default_rng(0).normal(size=(vectors.shape[1], model.dim))
    model.item_table.assign(np.arange(first), vectors @ weights * 100)
    history.observe(stream[3])
    model.grow(history, items)
    model.start_rows(history, 2)
    rows = model.item_table.table.numpy()[: len(history.items)]
    texts = model.features.candidates(history, np.arange(len(rows)))["text"]
    assert 1 < len(set(texts[first:])) < len(texts[first:])
    for text in set(texts[first:]):
        same = rows[first:][texts[first:] == text]
        np.testing.assert_allclose(same, np.tile(same[0], (len(same), 1)), rtol=1e-5)
    before = rows[:first].std()
    assert 0 < rows[first:].std() < 3 * before


def test_texts_that_train_are_encoded_in_the_graph():
    model = make_model(encoder=scratch(peft=LastK(1)), new_items="text")
    history = grown(model)
    batch = make_batch(model, history)
    with tf.GradientTape() as tape:
        loss = model.compute_loss({k: tf.constant(v) for k, v in batch.items()}, training=True)
    encoder = model.text.encoder.trainable_weights
    assert encoder and {id(v) for v in encoder} <= {id(v) for v in model.trainable_variables}
    assert all(g is not None for g in tape.gradient(loss, encoder))


def test_scores_are_the_product_of_the_towers():
    model = make_model()
    history = grown(model)
    users = Requests(np.array([3, -1, 0]))
    scores = TowerScores(Towers(model)).score(history, users)(slice(0, 3)).numpy()
    features = model.features
    query = model.query_embeddings(features.users(history, users) | features.past(history, users)).numpy()
    candidate = model.candidate_embeddings(features.candidates(history, np.arange(len(history.items)))).numpy()
    assert scores.shape == (3, len(history.items))
    np.testing.assert_allclose(scores, query @ candidate.T, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 4, 5, 9])
def test_encoding_in_chunks_keeps_order_and_shape(rows):
    seen = []

    def tower(features):
        seen.append(features["x"].shape[0])
        return features["x"] * 2.0

    values = np.arange(rows, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(encode(tower, {"x": values}, chunk=4), values * 2)
    assert set(seen) == {4}


def test_errors_name_what_to_do():
    with pytest.raises(InputError, match="choose text, neighbours, mean or zero"):
        TwoTower(new_items="best")
    with pytest.raises(InputError, match="needs an encoder"):
        TwoTower(features=TowerFeatures(), new_items="text")
