"""The candidate tower: which parts an item has, when its id is left out, and parts that do not go together."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.shop import Letters, make_model, make_shop, make_state
from tests.test_learner import grown, make_batch
from tests.toy import make_interactions
from tfrec.data.features import TowerFeatures
from tfrec.data.interactions import validated
from tfrec.errors import InputError
from tfrec.layers.fusion.gated import Gated
from tfrec.layers.fusion.mlp import Mlp
from tfrec.models.two_tower import TwoTower


class TrainedLetters(Letters):
    """Letters that say that they train."""

    trainable_weights = ("some",)


def towers(**options):
    """A model in which every weight is a random number, and candidate features of its 30 items."""
    options = {"encoder": Letters(), "features": TowerFeatures(5), "dim": 4, "new_items": "mean"} | options
    model, rng = TwoTower(**options), np.random.default_rng(0)
    history = grown(model)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    return model, history, model.features.candidates(history, np.arange(30))


def contents(model, features):
    """Text and categories of items, in numpy."""
    texts = model.text.vectors_of(features["text"]) @ model.text_map.kernel.numpy()
    return texts + model.categories.tables["category/kind"].table.numpy()[features["category/kind"]]


def test_the_tower_is_the_fusion_of_its_parts():
    model, _, features = towers(fusion=Gated())
    own, content = model.item_table.table.numpy()[:30], contents(model, features)
    share = model.candidate.fusion.gate(content, features["item_count"]).numpy()[:, None]
    expected = share * own + (1 - share) * content
    np.testing.assert_allclose(model.candidate_embeddings(features), expected, rtol=1e-4, atol=1e-5)
    model, _, features = towers()
    expected = model.item_table.table.numpy()[:30] + contents(model, features)
    np.testing.assert_allclose(model.candidate_embeddings(features), expected, rtol=1e-4, atol=1e-5)


def test_counts_are_asked_for_by_the_gate_alone_and_belong_to_items():
    model, history, features = towers(fusion=Gated())
    assert features["item_count"].tolist() == history.popularity().tolist()
    batch = model.batch(make_batch(model, history))
    assert batch["item_count"].tolist() == history.popularity()[batch["item"]].tolist()
    assert "item_count" not in towers()[2] and "item_count" not in towers(fusion=Mlp())[2]


def dropped(model, features):
    """Of items whose content is zero, which have no vector in a training call."""
    return ~tf.reduce_any(model.candidate_embeddings(features, training=True) != 0, axis=1).numpy()


@pytest.mark.parametrize("rate", [0.25, 0.6])
def test_ids_of_whole_items_are_dropped_at_the_rate_and_the_others_are_not_scaled(rate):
    model, _, features = towers(id_dropout=rate)
    model.text_map.kernel.assign(0 * model.text_map.kernel)
    model.categories.tables["category/kind"].table.assign(tf.zeros((1024, 4)))
    own = model.item_table.table.numpy()[:30]
    many = {key: np.tile(values, 2) for key, values in features.items()}  # each item in two rows
    shares = []
    for _ in range(100):
        vectors = model.candidate_embeddings(many, training=True).numpy()
        np.testing.assert_array_equal(vectors[:30], vectors[30:])
        there = vectors[:30].any(axis=1)
        np.testing.assert_array_equal(vectors[:30], own * there[:, None])  # whole rows, as they are
        shares.append(1 - there)
    # 3,000 draws: the share has a standard deviation of at most 0.0092, an item's own one of at most 0.05
    assert abs(np.mean(shares) - rate) < 0.03 and np.abs(np.mean(shares, axis=0) - rate).max() < 0.2
    np.testing.assert_array_equal(model.candidate_embeddings(features), own)


def test_what_is_dropped_depends_on_seed_and_step_alone():
    def masks(seed):
        model, _, features = towers(id_dropout=0.5, seed=seed)
        model.text_map.kernel.assign(0 * model.text_map.kernel)
        model.categories.tables["category/kind"].table.assign(tf.zeros((1024, 4)))
        first, others = dropped(model, features), {key: values[::-1] for key, values in features.items()}
        return first, dropped(model, others)[::-1]  # in another order

    one, two, other = masks(3), masks(3), masks(4)
    np.testing.assert_array_equal(one, two)
    assert (one[0] != one[1]).any() and (one[0] != other[0]).any()


def test_an_item_whose_id_is_dropped_or_never_learned_has_its_content():
    """With all rows at zero, whatever the rate: the gate gives all to the content, as for a dropped item."""
    for fusion in (None, Gated()):
        model, _, features = towers(fusion=fusion, id_dropout=0.5)
        model.item_table.table.assign(tf.zeros_like(model.item_table.table))
        expected = contents(model, features)
        np.testing.assert_allclose(model.candidate_embeddings(features), expected, rtol=1e-4, atol=1e-5)
    own = model.item_table.table
    own.assign(tf.ones_like(own))
    trained = model.candidate_embeddings(features, training=True).numpy()
    from_content = np.isclose(trained, expected, rtol=1e-4, atol=1e-5).all(axis=1)
    assert 0 < from_content.sum() < 30


def test_a_row_at_zero_is_learned():
    """Not dropped, an id has its share of the gate in training although its row is still at zero."""
    model, history, _ = towers(fusion=Gated())
    model.item_table.table.assign(tf.zeros_like(model.item_table.table))
    batch = {key: tf.constant(values) for key, values in model.batch(make_batch(model, history)).items()}
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    gradient = tf.convert_to_tensor(tape.gradient(loss, model.item_table.table)).numpy()
    assert gradient[np.unique(batch["item"])].any(axis=1).all()


@pytest.mark.parametrize("fusion", [None, Mlp])
def test_without_ids_items_and_histories_are_texts(fusion):
    model, history, features = towers(ids=False, fusion=fusion and fusion())
    assert model.item_table is None and not any("item" in v.name for v in model.variables)
    batch = model.table_rows(make_batch(model, history))
    texts = model.text.vectors_of(batch["history_text"]) @ model.text_map.kernel.numpy()
    pooled = (batch["history_weight"][:, :, None] * texts).sum(axis=1)
    kernel, bias = model.history_map.get_weights()
    expected = model.user_table.table.numpy()[batch["user"]] + pooled @ kernel + bias
    np.testing.assert_allclose(model.query_embeddings(batch), expected, rtol=1e-4, atol=1e-5)
    if fusion is None:
        vectors = model.candidate_embeddings(features)
        np.testing.assert_allclose(vectors, contents(model, features), rtol=1e-4, atol=1e-5)
    same = features | {"item": features["item"][::-1]}
    np.testing.assert_array_equal(model.candidate_embeddings(same), model.candidate_embeddings(features))


@pytest.mark.parametrize("options", [{"ids": False}, {"fusion": Gated(), "id_dropout": 0.3}, {"encoder": None}])
def test_each_way_goes_through_a_stream(options):
    """Items expire, texts change, steps fit: losses are finite and nothing is traced twice for a capacity."""
    if "encoder" in options:
        options = options | {"new_items": "mean"}
    state = make_state(make_shop(), make_model(**options))
    for t in range(len(state.stream)):
        if t:
            scores = state.scorer.score(state.history, state.truth(t).requests)(slice(None)).numpy()
            assert np.isfinite(scores).all() and scores.std() > 0
        state.observe(t)
        assert np.isfinite(state.learn(range(t, t + 1), 1, 32)["train/loss"])
    assert {f"vocabulary/{key}" for key in state.model.counts()} >= {"vocabulary/users/known"}
    assert state.learner.traces <= 4


TEXTS, TRAINED = {"encoder": Letters()}, {"encoder": TrainedLetters()}
WRONG = [
    ({"ids": False}, "model.ids=false.*encoder=none"),
    ({"new_items": "text"}, "model.new_items=text needs an encoder"),
    (TRAINED | {"ids": False}, "model.ids=false.*peft=frozen.*model.features.history_length"),
    (TEXTS | {"ids": False, "fusion": Gated()}, "model/fusion=gated.*model.ids=false"),
    (TEXTS | {"ids": False, "id_dropout": 0.1}, "model.id_dropout=0.1.*model.ids=false"),
    (TEXTS | {"id_dropout": 1.0}, "model.id_dropout is 1.0"),
]


@pytest.mark.parametrize("options, message", WRONG)
def test_parts_that_do_not_go_together_are_a_sentence_with_both_keys(options, message):
    with pytest.raises(InputError, match=message):
        TwoTower(**{"new_items": "mean"} | options)


@pytest.mark.parametrize(
    "options, message",
    [({"fusion": Gated()}, "model/fusion=gated.*encoder=none"), ({"id_dropout": 0.2}, "id_dropout=0.2.*encoder=none")],
)
def test_items_with_an_id_alone_are_named_before_anything_is_learned(options, message):
    log = make_interactions()
    bare = validated(log.events, log.items[["text"]], "bare")
    with pytest.raises(InputError, match=message):
        make_state(bare, TwoTower(new_items="mean", dim=4, **options), steps=[]).observe(0)
    make_state(bare, TwoTower(new_items="mean", dim=4, fusion=Mlp()), steps=[]).observe(0)
    priced = validated(log.events, pd.DataFrame({"text": "", "price": 1.0}, index=log.items.index), "priced")
    with_price = TwoTower(new_items="mean", dim=4, features=TowerFeatures(numbers=["price"]), **options)
    make_state(priced, with_price, steps=[]).observe(0)
