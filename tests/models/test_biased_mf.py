"""One event's arithmetic, and what the model must offer."""

import numpy as np
import pytest
import tf_keras

from tests.toy import make_ratings
from tfrec.checkpoint import Checkpoints
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.learner import Learner
from tfrec.loops.incremental import Incremental
from tfrec.loops.state import StreamState
from tfrec.models.biased_mf import BiasedMF
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod


def make_model(rows=3, **options):
    """User 1 and item 2 have the numbers of the tests below; one label of 3 has been seen."""
    model = BiasedMF(**{"dim": 2} | options)
    for table in (model.user_bias, model.user_factors, model.item_bias, model.item_factors):
        table.grow(rows)
    model.user_bias.assign(np.array([1]), np.array([[0.5]]))
    model.user_factors.assign(np.array([1]), np.array([[1.0, 2.0]]))
    model.item_bias.assign(np.array([2]), np.array([[-0.5]]))
    model.item_factors.assign(np.array([2]), np.array([[3.0, 1.0]]))
    model.count.assign(1.0)
    model.mean.assign(3.0)
    return model


def event(**values):
    arrays = {"user": np.array([1], np.int32), "item": np.array([2], np.int32), "user_known": np.ones(1, np.float32)}
    return arrays | {key: np.array([value], np.float32) for key, value in values.items()}


def row(table, number):
    return table.table.numpy()[number].tolist()


def test_a_prediction_is_mean_biases_and_product():
    """3 + .5 - .5 + (1 * 3 + 2 * 1)."""
    assert make_model().predictions(event())["rating"].numpy().tolist() == [8]


def test_predictions_are_clipped_where_they_are_scored_and_only_there():
    model = make_model(low=1.0, high=5.0)
    assert model.predictions(event())["rating"].numpy().tolist() == [5]
    assert model(event())["rating"].numpy().tolist() == [8]
    model.mean.assign(-9.0)
    assert model.predictions(event())["rating"].numpy().tolist() == [1]


def test_one_event_moves_its_rows_as_written_out():
    """Label 5: mean (3 + 5) / 2 = 4, prediction 9, error 4; gradient 2 * 4 for the biases, times the other's factors.

    b_u = .5 - .1 * .5 * 8, b_i = -.5 - .1 * .5 * 8, p = (1, 2) - .1 * 8 * (3, 1), q = (3, 1) - .1 * 8 * (1, 2).
    """
    model = make_model(bias_rate=0.5)
    others = model.user_factors.table.numpy()[[0, 2]]
    losses = Learner(model, tf_keras.optimizers.SGD(0.1)).step(event(rating=5))
    assert float(losses["rating"]) == 16
    assert (model.mean.numpy(), model.count.numpy()) == (4, 2)
    assert row(model.user_bias, 1) == pytest.approx([0.1])
    assert row(model.item_bias, 2) == pytest.approx([-0.9])
    assert row(model.user_factors, 1) == pytest.approx([-1.4, 1.2])
    assert row(model.item_factors, 2) == pytest.approx([2.2, -0.6])
    np.testing.assert_array_equal(model.user_factors.table.numpy()[[0, 2]], others)
    assert not model.user_bias.table.numpy()[[0, 2]].any()


def test_the_penalty_pulls_to_zero():
    """As above, with l2 * value added to each gradient: b_u = .5 - .05 * (8 + .25), p = (1, 2) - .1 * (24.5, 9)."""
    model = make_model(bias_rate=0.5, l2=0.5)
    Learner(model, tf_keras.optimizers.SGD(0.1)).step(event(rating=5))
    assert row(model.user_bias, 1) == pytest.approx([0.0875])
    assert row(model.user_factors, 1) == pytest.approx([-1.45, 1.1])


def test_the_mean_is_that_of_all_labels_learned_from():
    model, rng = BiasedMF(), np.random.default_rng(0)
    labels = rng.integers(1, 6, 60).astype(np.float32)
    for table in (model.user_bias, model.user_factors, model.item_bias, model.item_factors):
        table.grow(3)
    for part in np.split(labels, [1, 20, 25]):
        rows = np.zeros(len(part), np.int32)
        model({"user": rows, "item": rows, "rating": part}, training=True)
        model({"user": rows, "item": rows})  # does not look at labels
    assert model.mean.numpy() == pytest.approx(labels.mean()) and model.count.numpy() == 60


def test_its_towers_rank_as_its_labels_do():
    model = make_model()
    items = np.array([0, 1, 2], np.int32)
    candidates = model.candidate_embeddings({"item": items})
    query = model.query_embeddings({"user": np.array([1, 0], np.int32), "user_known": np.array([1, 0], np.float32)})
    labels = model({"user": np.array([1, 1, 1], np.int32), "item": items})["rating"]
    scores = query.numpy() @ candidates.numpy().T
    np.testing.assert_allclose(scores[0] + 3, labels.numpy(), rtol=1e-6)  # 3 is the mean
    np.testing.assert_array_equal(scores[1], model.item_bias.table.numpy()[:3, 0])  # nobody knows this user


def test_it_learns_in_batches_and_ranks_in_the_incremental_loop(tmp_path):
    """Batches of ratings bring the loss down; the catalogue is ranked by the towers."""
    stream = Stream(make_ratings())
    model = BiasedMF()
    state = StreamState(stream, model, Learner(model, tf_keras.optimizers.Adagrad(0.3)), {})
    tracker = Tracker(tmp_path, {"name": "toy", "seed": 0})
    loop = Incremental(base=3, base_epochs=10, batch_size=64)
    loop.run(state, EveryPeriod(), Evaluator(["ndcg@10"]), tracker, Checkpoints(tmp_path / "checkpoints"))
    assert tracker.rows[-1]["train/rating"] < np.var(stream[6]["rating"])
    assert 0 < tracker.means()["eval/all/ndcg@10"] < 1
    assert model.count.numpy() == state.learner.examples


@pytest.mark.parametrize("name", ["user", "item"])
def test_a_row_outside_of_its_table_is_refused(name):
    batch = event(rating=5) | {name: np.array([3], np.int32)}
    with pytest.raises(IndexError, match=f"'{name}' has rows 3 to 3, but its table has 3 rows"):
        Learner(make_model(), tf_keras.optimizers.SGD(0.1)).step(batch)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"dim": 0}, "model.dim is 0"),
        ({"stddev": -1}, "model.stddev is -1"),
        ({"bias_rate": -1}, "model.bias_rate is -1"),
        ({"low": 5, "high": 1}, "choose low < high"),
    ],
)
def test_errors_name_what_to_do(options, sentence):
    with pytest.raises(InputError, match=sentence):
        BiasedMF(**options)
