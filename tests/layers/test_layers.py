import numpy as np
import pytest
import tensorflow as tf

from tfrec.encoders.presets import scratch
from tfrec.layers.dropout import StatelessDropout, mixed
from tfrec.layers.growing import GrowingTable
from tfrec.layers.text import FrozenText
from tfrec.layers.text_map import ridge
from tfrec.layers.trained_text import TrainedText
from tfrec.peft.full import Full


@pytest.mark.parametrize("rows, capacity, replaced", [(3, 4, False), (4, 4, False), (5, 8, True), (17, 32, True)])
def test_capacity_doubles_until_there_is_room(rows, capacity, replaced):
    table = GrowingTable(2, capacity=4)
    variable = table.table
    assert table.grow(rows) is replaced
    assert (table.capacity, table.rows, table.table is variable) == (capacity, rows, not replaced)


def test_growing_in_steps_or_at_once_gives_the_same_rows():
    steps, once = GrowingTable(3, capacity=4, seed=5), GrowingTable(3, capacity=4, seed=5)
    for rows in (5, 9, 30):
        steps.grow(rows)
    once.grow(30)
    np.testing.assert_array_equal(steps.table.numpy(), once.table.numpy())
    assert len(np.unique(once.table.numpy()[:, 0])) == 32  # no block repeats another


def test_a_grown_table_is_tracked_once():
    table = GrowingTable(2, capacity=2)
    table.grow(5)
    assert [v.shape[0] for v in table.trainable_weights] == [8]
    assert not GrowingTable(2, trainable=False).trainable_weights


def test_the_gradient_of_a_lookup_is_sparse():
    table = GrowingTable(2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(table(tf.constant([3, 3, 7])))
    gradient = tape.gradient(loss, table.table)
    assert isinstance(gradient, tf.IndexedSlices)
    np.testing.assert_array_equal(gradient.indices, [3, 3, 7])


def test_assign_sets_rows():
    table = GrowingTable(2, stddev=0, capacity=4)
    table.assign(np.array([3, 1]), np.array([[1, 2], [3, 4]]))
    np.testing.assert_array_equal(table(tf.constant([0, 1, 2, 3])), [[0, 0], [3, 4], [0, 0], [1, 2]])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_dropout_keeps_the_mean_and_drops_at_its_rate(jit_compile):
    """Of 100,000 ones a share of 0.3 becomes 0 (sd 0.0014), the others 1 / 0.7."""
    layer = StatelessDropout(0.3)
    values = tf.function(lambda x: layer(x, training=True), jit_compile=jit_compile)(tf.ones(100_000)).numpy()
    assert abs((values == 0).mean() - 0.3) < 5 * 0.0015
    np.testing.assert_allclose(values[values > 0], 1 / 0.7, rtol=1e-6)


def test_masks_differ_between_calls_and_seeds_and_repeat_from_the_same_count():
    ones = tf.ones((64, 8))
    layer, other = StatelessDropout(0.5), StatelessDropout(0.5, seed=1)
    first, second = layer(ones, training=True), layer(ones, training=True)
    assert np.mean(first.numpy() == second.numpy()) < 0.6
    assert np.mean(first.numpy() == other(ones, training=True).numpy()) < 0.6
    again = StatelessDropout(0.5)
    again.calls.assign(1)
    np.testing.assert_array_equal(again(ones, training=True), second)


def test_dropout_does_nothing_outside_of_training_or_at_rate_0():
    ones = tf.ones(10)
    layer = StatelessDropout(0.5)
    np.testing.assert_array_equal(layer(ones), ones)
    assert layer.calls.numpy() == 0
    np.testing.assert_array_equal(StatelessDropout(0.0)(ones, training=True), ones)


def test_positions_of_a_mask_are_not_correlated():
    layer = StatelessDropout(0.5)
    masks = np.stack([layer(tf.ones(256), training=True).numpy() > 0 for _ in range(400)]).astype(float)
    correlations = np.corrcoef(masks.T)[np.triu_indices(256, 1)]
    # of 32,640 pairs of 400 draws, sd 1/20: the largest of so many normal values is near 4.2 sd
    assert np.abs(correlations).max() < 6 / 20


def test_the_hash_is_a_bijection_on_a_sample():
    numbers = tf.cast(tf.range(100_000), tf.uint32)
    assert len(np.unique(mixed(numbers).numpy())) == 100_000


def test_ridge_finds_a_linear_map_again():
    rng = np.random.default_rng(0)
    inputs, weights, bias = rng.normal(size=(500, 6)), rng.normal(size=(6, 3)), rng.normal(size=3)
    fitted = ridge(inputs, inputs @ weights + bias, l2=1e-6)
    np.testing.assert_allclose(fitted(np.eye(6)), weights + bias, rtol=1e-4)


def test_ridge_with_a_large_penalty_is_the_mean():
    rng = np.random.default_rng(0)
    inputs, outputs = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    np.testing.assert_allclose(ridge(inputs, outputs, l2=1e12)(inputs[:3]), np.tile(outputs.mean(0), (3, 1)), rtol=1e-6)


def test_frozen_and_trained_text_agree_and_grow():
    """A table of cached vectors and a table of tokens encoded in the graph give the same vectors."""
    frozen, trained = FrozenText(scratch()), TrainedText(scratch(peft=Full()))
    texts = [f"organic tomato {i}" for i in range(1500)]
    for layer in (frozen, trained):
        assert layer.add(texts[:5]) is False
        assert layer.add(texts[5:]) is True  # beyond 1,024 rows
    rows = np.array([0, 7, 1499, 7])
    np.testing.assert_allclose(frozen(rows), trained(rows), atol=1e-5)
    np.testing.assert_allclose(frozen.vectors_of(rows), trained.vectors_of(rows), atol=1e-5)
    assert not frozen.trainable_weights and trained.trainable_weights


def test_each_different_text_of_a_batch_is_encoded_once_at_its_own_length():
    """Of 16 rows with 3 short and 2 long texts, a quarter of the rows is 4: as many of each length are encoded."""
    layer = TrainedText(scratch(peft=Full(), max_length=16, dropout=0.0))
    layer.add(["fig", "a text of letters that is long", "plum", "", "another long text", "never asked"])
    rows = np.array([0, 1, 2, 0, 2, 4, 1, 1, -1, 0, 2, 2, 4, 4, 3, 3])
    batch = layer.batch({"text": rows, "other": rows})
    assert sorted(batch) == ["other", "text", "text/long", "text/place", "text/short"]
    assert batch["text/short"].tolist() == [0, 2, 3, 0] and batch["text/long"].tolist() == [1, 4, 1, 1]
    asked = []
    for features in ({"text": rows}, batch):
        with tf.GradientTape() as tape:
            vectors = layer.of(features, "text")
            loss = tf.reduce_sum(vectors * tf.range(16.0)[:, None])
        asked.append((vectors, *tape.gradient(loss, layer.trainable_weights)))
    for plain, once in zip(*asked, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(once), tf.convert_to_tensor(plain), rtol=1e-3, atol=2e-4)


def test_a_part_without_texts_has_one_for_each_replica():
    """So that a graph takes the same features in every step. Three replicas have as many rows of each part."""
    layer = TrainedText(scratch(peft=Full(), max_length=16))
    layer.add(["fig", "a text of letters that is long"])
    one = layer.batch({"text": np.zeros(4, int)})
    assert one["text/short"].tolist() == [0] and one["text/long"].tolist() == [0]
    three = layer.batch({"query_text": np.ones(4, int)}, replicas=3)
    assert three["query_text/long"].tolist() == [1, 1, 1] and three["query_text/short"].tolist() == [1, 1, 1]
    assert three["query_text/place"].tolist() == [3, 3, 3, 3]  # behind the three of the short part


def test_texts_to_be_scored_are_encoded_once_in_blocks_while_the_weights_stay(monkeypatch):
    """600 rows of 90 texts of two lengths: two blocks of 64 for the 70 short ones, one for the others; a text that
    comes later is a block of its own."""
    layer, calls = TrainedText(scratch(peft=Full(), max_length=16)), []
    layer.add([f"fig {n}" if n < 70 else f"a long text of letters and numbers {n}" for n in range(90)])
    layer.vectors_of(np.zeros(0, int))
    graph = layer._graph
    monkeypatch.setattr(layer, "_graph", lambda tokens: calls.append(tuple(tokens.shape)) or graph(tokens))
    rows = np.tile(np.arange(90), 7)[:600]
    rows[0] = -1  # no text

    def check(*expected):
        read = layer.read({"query_text": rows, "other": rows})
        assert sorted(read) == ["other", "query_text", "query_text/vector"]
        plain = layer.of({"query_text": rows}, "query_text")
        np.testing.assert_allclose(layer.of(read, "query_text"), plain, atol=1e-4)
        assert sorted(calls) == [*expected]
        calls.clear()

    all_texts = (64, 8), (64, 8), (64, 16)
    check(*all_texts)
    check()
    layer.add(["plum"])
    rows[1] = 90
    check((64, 8))
    weight = layer.trainable_weights[-1]
    weight.assign_add(tf.ones_like(weight))
    check(*all_texts)


def test_room_is_made_for_all_texts_at_once():
    layer = TrainedText(scratch(peft=Full(), max_length=16))
    assert layer.prepare([f"fig {n % 1500}" for n in range(3000)]) is True
    assert layer.table.capacity == 2048 and layer.add([f"fig {n}" for n in range(1500)]) is False
