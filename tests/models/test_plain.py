"""A model written as in TFRS's tutorials, with nothing of tfrec in it, learns and ranks in the online loop."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras

from tests.toy import make_interactions
from tfrec.checkpoint import Checkpoints
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.learner import Learner
from tfrec.loops.incremental import Incremental
from tfrec.loops.state import StreamState
from tfrec.memories.reservoir import Reservoir
from tfrec.models.plain import Plain
from tfrec.strategies.replay import Replay
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod


class MovielensModel(tfrs.Model):
    def __init__(self, user_ids, titles):
        super().__init__()
        self.user_model = tf.keras.Sequential(
            [
                tf.keras.layers.StringLookup(vocabulary=user_ids, mask_token=None),
                tf.keras.layers.Embedding(len(user_ids) + 1, 8),
            ]
        )
        self.movie_model = tf.keras.Sequential(
            [
                tf.keras.layers.StringLookup(vocabulary=titles, mask_token=None),
                tf.keras.layers.Embedding(len(titles) + 1, 8),
            ]
        )
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features, training=False):
        user_embeddings = self.user_model(features["user_id"])
        movie_embeddings = self.movie_model(features["movie_title"])
        return self.task(user_embeddings, movie_embeddings, compute_metrics=not training)


@pytest.fixture
def stream():
    return Stream(make_interactions(named=True, per_day=40), period="7D")


def run(stream, folder, columns=None, item="item", jit_compile=False, strategies=(), **loop):
    vocabulary = (
        [f"i{i}" for i in range(30)]
        if item == "item"
        else [f"thing {i} of kind {k}" for i in range(25) for k in range(4)]
    )
    tf.keras.utils.set_random_seed(0)
    model = MovielensModel([f"u{i}" for i in range(12)], vocabulary)
    plain = Plain(model, "user_model", "movie_model", columns or {"user": "user_id", item: "movie_title"})
    state = StreamState(stream, plain, Learner(plain, tf_keras.optimizers.Adagrad(0.5), strategies, jit_compile), {})
    tracker = Tracker(folder, {"name": "plain", "seed": 0})
    loop = Incremental(**{"base": 3, "base_epochs": 20, "batch_size": 64} | loop)
    loop.run(state, EveryPeriod(), Evaluator(["ndcg@10"]), tracker, Checkpoints(folder / "checkpoints"))
    return state, tracker


def test_it_learns_and_ranks(stream, tmp_path):
    state, tracker = run(stream, tmp_path, epochs=10)
    untrained, before = run(stream, tmp_path / "untrained", base_epochs=0, epochs=0)
    assert [row["period"] for row in tracker.rows] == [3, 4]  # five whole weeks
    assert tracker.means()["eval/all/ndcg@10"] > before.means()["eval/all/ndcg@10"] + 0.2
    assert state.learner.traces == 1
    assert state.learner.newest == state.history.newest


def test_its_scores_are_those_of_its_own_towers(stream, tmp_path):
    state, _ = run(stream, tmp_path, base_epochs=1)
    model = state.model.tfrs_model
    scores = state.scorer.score(state.history, Requests(np.array([2, -1])))(slice(0, 2)).numpy()
    user = model.user_model(tf.constant([state.history.users.ids[2], "somebody else"]))
    movies = model.movie_model(tf.constant(state.history.items.ids.tolist()))
    np.testing.assert_allclose(scores, (user @ tf.transpose(movies)).numpy(), rtol=1e-5, atol=1e-6)


def test_its_lookups_run_without_xla_and_the_run_says_so(stream, tmp_path, caplog):
    with caplog.at_level("INFO"):
        run(stream, tmp_path, base_epochs=1, jit_compile=True)
    assert "runs without XLA" in caplog.text


def test_a_column_of_the_item_table_can_be_the_candidate(stream, tmp_path):
    _, tracker = run(stream, tmp_path, item="text", base_epochs=1)
    assert np.isfinite(tracker.means()["eval/all/ndcg@10"])


@pytest.mark.parametrize(
    "strategies", [list, lambda: [Replay(Reservoir(200))], lambda: [Replay(Reservoir(bytes=60_000))]]
)
def test_it_resumes(stream, tmp_path, strategies):
    whole, _ = run(stream, tmp_path / "whole", strategies=strategies(), base_epochs=1)
    run(stream, tmp_path / "cut", strategies=strategies(), base_epochs=1, last=3)
    resumed, _ = run(stream, tmp_path / "cut", strategies=strategies(), base_epochs=1)
    for one, two in zip(whole.learner.model.variables, resumed.learner.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    assert (tmp_path / "whole/stream.csv").read_bytes() == (tmp_path / "cut/stream.csv").read_bytes()
    for one, two in zip(whole.learner.strategies, resumed.learner.strategies, strict=True):
        kept, again = one.memory.kept(), two.memory.kept()
        assert set(kept["user_id"]) <= set(whole.history.users.ids)  # none is cut to the length of the first
        assert max(map(len, kept["user_id"])) == 3 and kept["user_id"].tolist() == again["user_id"].tolist()


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"query": "customer_model"}, "model.query is 'customer_model'"),
        ({"columns": {"item": "movie_title"}}, "must name the feature of 'user'"),
        ({"model": tf.keras.Sequential()}, "not a tensorflow_recommenders Model"),
    ],
)
def test_errors_name_what_to_do(change, sentence):
    options = {
        "model": MovielensModel(["u0"], ["i0"]),
        "query": "user_model",
        "candidate": "movie_model",
        "columns": {"user": "user_id", "item": "movie_title"},
    }
    with pytest.raises(InputError, match=sentence):
        Plain(**options | change)


def test_a_column_that_is_not_there_is_named(stream, tmp_path):
    with pytest.raises(InputError, match="names 'title'"):
        run(stream, tmp_path, columns={"user": "user_id", "title": "movie_title"})
