"""Product ids written code by code."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.shop import Letters, make_shop, make_state
from tests.toy import make_interactions
from tfrec.data.features import TowerFeatures
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.generative.beam import NEVER
from tfrec.generative.semantic_ids import SemanticIds
from tfrec.loops.incremental import Incremental
from tfrec.models.generative import Generative
from tfrec.strategies.replay import Replay


def made(features=None, **options):
    ids = SemanticIds(levels=2, codes=5, last=12, seed=1)
    features = features or TowerFeatures(6)
    options = {"dim": 8, "blocks": 1, "heads": 2, "dropout": 0.0, "beam": 60, "seed": 2} | options
    return Generative(**{"encoder": Letters(), "ids": ids, "features": features} | options)


def state_of(model=None, base=3, log=None, **options):
    """A stream whose base is known, of which nothing is learned."""
    state = make_state(log or make_shop(late=False), model or made(), steps=[], **options)
    for t in range(base):
        state.observe(t)
    state.model.base_known(state.history)
    return state


def asked(state, t=3):
    requests = state.truth(t).requests
    features = state.model.features
    return requests, features.users(state.history, requests) | features.past(state.history, requests)


def log_p_of_all(model, features):
    """log P of every item for every request by teacher forcing, `[n, items]`."""
    memory = model._encoded({key: tf.constant(values) for key, values in features.items()})
    ids = np.tile(model.ids.all, (len(features["user"]), 1, 1))
    return tf.reduce_sum(model.id_model.code_log_p(tf.constant(ids), *memory), axis=2).numpy()


def test_log_p_of_an_id_is_the_sum_of_its_codes_terms():
    """Each term is asked for by itself, given the codes before; and all probabilities of a place sum to 1."""
    state = state_of()
    model, (_, features) = state.model, asked(state)
    memory = model._encoded({key: tf.constant(values[:4]) for key, values in features.items()})
    item = np.arange(4, dtype=np.int32)
    ids, total = model.ids.all[item], np.zeros(4)
    for place in range(3):
        prefix = tf.constant(ids[:, None, :place])
        step = model.id_model.next_log_p(prefix, *memory).numpy()[:, 0]
        np.testing.assert_allclose(np.exp(step).sum(axis=1), 1, rtol=1e-5)
        total += step[np.arange(4), ids[:, place]]
    part = {key: values[:4] for key, values in features.items()} | {"item": item}
    outputs = model(part)
    np.testing.assert_allclose(outputs["log_p"].numpy().sum(axis=1), total, rtol=1e-4)
    losses = model.task_losses(outputs, part)["generation"]
    np.testing.assert_allclose(losses, -total / 3, rtol=1e-4)  # the mean of three codes
    np.testing.assert_allclose(model.compute_loss(part), -total.mean() / 3, rtol=1e-4)


def test_a_beam_of_all_ids_gives_every_item_its_log_p():
    state = state_of()
    model, (requests, features) = state.model, asked(state)
    items, found = model.best(features)
    expected, real = log_p_of_all(model, features), found > NEVER
    assert (real.sum(axis=1) == state.history.shape[1]).all()
    for row in range(len(requests)):
        np.testing.assert_allclose(found[row][real[row]], expected[row][items[row][real[row]]], rtol=1e-4)
    scores = model.score(state.history, requests)(slice(0, len(requests)))
    np.testing.assert_allclose(scores - scores.max(), expected - expected.max(), atol=1e-3)


def test_what_the_beam_finds_is_above_all_others_which_follow_by_popularity():
    state = state_of(made(beam=5))
    requests, features = asked(state)
    items, _ = state.model.best(features)
    scores = state.model.score(state.history, requests)(slice(0, len(requests)))
    popular = state.history.popularity(4)
    for row, found in enumerate(items):
        order = np.argsort(-scores[row], kind="stable")
        assert order[:5].tolist() == found.tolist()
        assert (np.diff(popular[order[5:]]) <= 0).all() and scores[row][order[5:]].max() < 1


@pytest.mark.slow
def test_what_is_learned_is_written():
    """Every user of the toy log has eight items: they are found once two weeks are learned."""
    model = made(features=TowerFeatures(8), dim=16)
    state = state_of(model, 2, make_interactions(), optimizer=tf_keras.optimizers.Adam(0.005))

    def found():
        truth = state.truth(2)
        return np.nanmean(Evaluator(["ndcg@10"])(model.score(state.history, truth.requests), truth)["all/ndcg@10"])

    before, first = found(), state.learn(range(2), 1, 32)["train/generation"]
    last = state.learn(range(2), 30, 32)["train/generation"]
    after = found()
    assert last < first and after > before + 0.1, (before, after)
    assert state.learner.traces == 1


def test_new_items_get_ids_and_the_next_period_is_learned():
    state = state_of(strategies=[Replay()])
    state.learn(range(3), 1, 64)
    before = state.model.ids.all
    state.observe(3)
    state.learn(range(3, 4), 1, 64)
    ids = state.model.ids.all
    assert len(ids) == state.history.shape[1] > len(before) and (ids[: len(before)] == before).all()
    requests, features = asked(state, 4)
    items, found = state.model.best(features)
    assert set(items[found > NEVER]) == set(range(len(ids)))


def test_a_query_and_a_history_change_what_is_written_and_padding_does_not():
    state = state_of()
    model, (_, features) = state.model, asked(state)
    features = {key: values.copy() for key, values in features.items()}
    expected = log_p_of_all(model, features)
    other = features | {"history": np.where(features["history_weight"] > 0, features["history"], 3)}
    np.testing.assert_allclose(log_p_of_all(model, other), expected, rtol=1e-4, atol=1e-4)
    searched = np.flatnonzero(features["query_text"] >= 0)
    without = features | {"query_text": np.full_like(features["query_text"], -1)}
    moved = np.abs(log_p_of_all(model, without) - expected).max(axis=1)
    assert (moved[searched] > 1e-4).all() and np.delete(moved, searched).max(initial=0) < 1e-4
    empty = features | {"history_weight": np.zeros_like(features["history_weight"])}
    seen = features["history_weight"].any(axis=1)
    assert (np.abs(log_p_of_all(model, empty) - expected).max(axis=1) > 1e-4)[seen].all()


@pytest.mark.slow
def test_searches_alone_need_no_history():
    state = state_of(made(TowerFeatures(0)))
    state.learn(range(3), 1, 64)
    requests, features = asked(state)
    assert "history" not in features and np.isfinite(state.model.best(features)[1]).all()


def test_a_weight_of_indexing_is_a_second_task():
    state = state_of(made(indexing=0.5))
    rows = state.update(range(3)).first_rows()
    outputs = state.model(rows, training=True)
    losses = state.model.task_losses(outputs, rows)
    np.testing.assert_allclose(losses["indexing"], -0.5 * outputs["index_log_p"].numpy().mean(axis=1), rtol=1e-5)
    assert set(state.model(rows)) == {"log_p"}  # when it is scored


def test_xla_takes_the_step_that_the_plain_graph_takes():
    model = state_of().model
    state = state_of()
    rows = state.update(range(3)).first_rows()
    tensors = {key: tf.constant(values) for key, values in state.model.batch(rows).items()}
    plain = tf.function(state.model.compute_loss)(tensors, training=False)
    compiled = tf.function(model.compute_loss, jit_compile=True)(tensors, training=False)
    np.testing.assert_allclose(plain, compiled, rtol=1e-4)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"encoder": None}, "model=generative.*encoder=none.*choose encoder=minilm"),
        ({"heads": 3}, "model.heads=3 must divide model.dim=8"),
        ({"beam": 0}, "model.beam is 0"),
        ({"blocks": 0}, "model.blocks is 0"),
        ({"dropout": 1.0}, "model.dropout is 1.0"),
        ({"indexing": -1.0}, "model.indexing is -1.0"),
        ({"features": TowerFeatures(3, context=["age"])}, "model=generative.*model.features.context"),
    ],
)
def test_what_cannot_be_is_a_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        made(**options)


def test_an_encoder_that_trains_is_refused():
    encoder = Letters()
    encoder.trainable_weights = (tf.Variable(1.0),)
    with pytest.raises(InputError, match="model=generative.*choose peft=frozen"):
        made(encoder=encoder)


def test_ids_must_be_there_before_anything_is_scored_or_learned():
    state = make_state(make_shop(late=False), made(), steps=[])
    for t in range(3):
        state.observe(t)
    with pytest.raises(InputError, match="no semantic ids.*choose loop=incremental"):
        state.learn(range(3), 1, 64)
    requests = state.truth(3).requests
    with pytest.raises(InputError, match="no semantic ids"):
        state.model.score(state.history, requests)


def test_neither_history_nor_query_is_nothing_to_read():
    with pytest.raises(InputError, match="model.features.history_length is 0 and the events have no query"):
        state_of(made(TowerFeatures(0)), log=make_interactions())


def test_a_beam_below_the_list_is_refused_before_anything_is_read():
    state = make_state(make_shop(late=False), made(beam=5), steps=[])
    with pytest.raises(InputError, match="model.beam is 5.*evaluate.metrics begins with ndcg@10.*model.beam=10"):
        Incremental(base=3, last=4).run(state, None, Evaluator(["ndcg@10", "recall@100"]), None, None)
