"""Each event is predicted, then learned from."""

import numpy as np
import pandas as pd
import pytest
import tf_keras

from tests.test_learner import make_model as make_towers
from tests.toy import make_ratings
from tfrec.baselines.popularity import Popularity
from tfrec.baselines.running_mean import RunningMean
from tfrec.checkpoint import Checkpoints
from tfrec.data.interactions import Interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.learner import Learner
from tfrec.loops.prequential import Prequential
from tfrec.loops.state import StreamState
from tfrec.metrics.prequential import PrequentialEvaluator
from tfrec.models.biased_mf import BiasedMF
from tfrec.strategies.replay import Replay
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod


class Recorder(PrequentialEvaluator):
    """Keeps the model's predictions."""

    def __call__(self, scorer, labels, predictions, users=None):
        if scorer == "eval":
            self.predictions = np.append(getattr(self, "predictions", []), predictions)
        return super().__call__(scorer, labels, predictions, users)


def make_state(stream, strategies=(), jit_compile=False, rate=0.05, **options):
    model = BiasedMF(**{"low": 1.0, "high": 5.0, "bias_rate": 0.5} | options)
    learner = Learner(model, tf_keras.optimizers.SGD(rate), strategies, jit_compile)
    return StreamState(stream, model, learner, {"running_mean": RunningMean()})


def run(folder, stream=None, state=None, trigger=None, evaluator=None, **options):
    state = state or make_state(stream or Stream(make_ratings(), 200))
    tracker = Tracker(folder, {"name": "toy", "seed": 0}, "mae")
    evaluator = evaluator or Recorder()
    loop = Prequential(**options)
    loop.run(state, trigger or EveryPeriod(), evaluator, tracker, Checkpoints(folder / "checkpoints"))
    return state, tracker, evaluator


def variables(state):
    return [variable.numpy() for variable in state.learner.model.variables + state.learner.optimizer.variables]


def test_new_users_and_items_are_new_at_their_first_event(tmp_path):
    """Where both are, nothing but the mean so far and the rows as they were drawn makes the prediction."""
    stream = Stream(make_ratings(users=500, items=300), 200)
    _, _, found = run(tmp_path, state=make_state(stream, low=None, high=None))
    events = pd.concat([stream[t] for t in range(6)])
    first = ~events["user"].duplicated() & ~events["item"].duplicated()
    users, items = (pd.factorize(events[name])[0][first] for name in ("user", "item"))
    assert first.sum() > 50 and first[200:].sum() > 5
    drawn = BiasedMF()
    products = (drawn.user_factors.table.numpy()[users] * drawn.item_factors.table.numpy()[items]).sum(1)
    means = (events["rating"].cumsum() - events["rating"]).to_numpy() / np.maximum(np.arange(len(events)), 1)
    np.testing.assert_allclose(found.predictions[first], means[first] + products, atol=1e-5)


@pytest.mark.parametrize("period, batch_size", [(100, 1024), (400, 7), (1200, 64), ("10D", 1)])
def test_neither_periods_nor_blocks_change_a_prediction(tmp_path, period, batch_size):
    log = make_ratings()
    _, _, expected = run(tmp_path / "one", Stream(log, 200))
    _, _, found = run(tmp_path / "two", Stream(log, period), batch_size=batch_size)
    np.testing.assert_array_equal(found.predictions, expected.predictions[: len(found.predictions)])
    assert len(found.predictions) > 900


@pytest.mark.parametrize("event", [0, 57, 199, 200, 750])
def test_no_prediction_knows_its_label_or_what_comes_later(tmp_path, event):
    """The label of an event and all that follows it is changed: users, items and ratings."""
    log = make_ratings()
    changed = log.events.copy()
    changed.loc[event:, "rating"] = 1.0
    changed.loc[event + 1 :, ["user", "item"]] = changed.loc[event + 1 :, ["user", "item"]].to_numpy()[::-1]
    _, _, expected = run(tmp_path / "one", Stream(log, 200))
    _, _, found = run(tmp_path / "two", Stream(Interactions(changed, log.items), 200))
    np.testing.assert_array_equal(found.predictions[: event + 1], expected.predictions[: event + 1])
    assert (found.predictions[event + 1 :] != expected.predictions[event + 1 :]).mean() > 0.9


def test_what_is_logged(tmp_path):
    state, tracker, _ = run(tmp_path)
    assert [row["period"] for row in tracker.rows] == [0, 1, 2, 3, 4, 5]
    kinds = ("mae", "rmse", "running/mae", "running/rmse")
    assert set(tracker.rows[0]) == {
        "period", "pairs/events", "train/loss", "cost/steps", "cost/examples",
        *(f"{scorer}/{kind}" for scorer in ("eval", "baseline/running_mean") for kind in kinds),
    }  # fmt: skip
    assert all(row["pairs/events"] == row["cost/steps"] == row["cost/examples"] == 200 for row in tracker.rows)
    means = tracker.means()
    assert means.pop("cost/steps") == means.pop("cost/examples") == 200 and means.pop("cost/update_seconds") > 0
    assert len(means) == 4
    for tag, value in means.items():  # without fading or a window, running is the mean over all events
        scorer, _, name = tag.rpartition("/")
        assert value == pytest.approx(tracker.rows[-1][f"{scorer}/running/{name}"])
    assert means["eval/mae"] < means["baseline/running_mean/mae"]
    assert state.learner.newest == state.history.newest and state.learner.last_period == 5


def test_a_base_is_learned_and_not_counted(tmp_path):
    _, whole, all_predictions = run(tmp_path / "whole")
    _, tracker, predictions = run(tmp_path / "base", base=2, last=4)
    np.testing.assert_array_equal(predictions.predictions, all_predictions.predictions[400:1000])
    assert [row["period"] for row in tracker.rows] == [2, 3, 4]
    for tag in ("eval/mae", "baseline/running_mean/mae", "train/loss"):
        assert [row[tag] for row in tracker.rows] == [row[tag] for row in whole.rows[2:5]]
    state, _, _ = run(tmp_path / "twice", base=2, base_epochs=3)
    assert state.learner.steps == 3 * 400 + 800


def test_a_period_that_the_trigger_leaves_out_is_predicted_only(tmp_path):
    state, tracker, _ = run(tmp_path, base=2, trigger=EveryPeriod(0))
    assert [row["cost/steps"] for row in tracker.rows] == [0, 0, 0, 0]
    assert state.learner.last_period == 1 and state.model.count.numpy() == 400
    _, learned, _ = run(tmp_path / "learned", base=2)
    assert tracker.means()["eval/mae"] > learned.means()["eval/mae"]
    assert all("train/loss" not in row for row in tracker.rows)


@pytest.mark.parametrize("base, fading, window", [(0, 1.0, 300), (2, 0.99, None)])
def test_killed_and_resumed(tmp_path, base, fading, window):
    """Killed inside period 5, after the item table has doubled; the rest repeats bit for bit."""
    stream = Stream(make_ratings(users=40, items=1500, events=3000), 300)

    def kill(t):
        if t == 5:
            raise KeyboardInterrupt
        return True

    def start(folder, trigger=None):
        evaluator = PrequentialEvaluator(fading=fading, window=window)
        return run(tmp_path / folder, state=make_state(stream), trigger=trigger, evaluator=evaluator, base=base)

    whole, _, _ = start("whole")
    assert whole.model.item_factors.capacity == 2048 and whole.learner.traces == 2
    with pytest.raises(KeyboardInterrupt):
        start("cut", kill)
    resumed, tracker, _ = start("cut")
    assert [row["period"] for row in tracker.rows] == [*range(base, 10)]
    assert (tmp_path / "whole/stream.csv").read_bytes() == (tmp_path / "cut/stream.csv").read_bytes()
    for one, two in zip(variables(whole), variables(resumed), strict=True):
        np.testing.assert_array_equal(one, two)
    assert whole.learner.steps == resumed.learner.steps


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"strategies": [Replay()]}, "Replay acts in 'augment'"),
        ({"baselines": {"popularity": Popularity()}}, "baseline.popularity ranks and predicts no labels"),
        ({"model": make_towers()}, "the model TwoTower does not predict"),
        ({"model": BiasedMF(label="spend")}, "loop.label is 'rating', which the model BiasedMF does not predict"),
    ],
)
def test_what_cannot_act_per_event_is_refused(tmp_path, change, sentence):
    model, strategies = change.get("model", BiasedMF()), change.get("strategies", [])
    learner = Learner(model, tf_keras.optimizers.SGD(0.1), strategies)
    state = StreamState(Stream(make_ratings(), 200), model, learner, change.get("baselines", {}))
    with pytest.raises(InputError, match=sentence):
        run(tmp_path, state=state)


def test_a_ranking_evaluator_is_refused(tmp_path):
    with pytest.raises(InputError, match="choose evaluate=ratings"):
        run(tmp_path, evaluator=Evaluator(["ndcg@10"]))


def test_a_log_without_the_label_is_refused(tmp_path):
    log = make_ratings()
    stream = Stream(Interactions(log.events.drop(columns="rating"), log.items), 200)
    with pytest.raises(InputError, match="the event column 'rating', which the log does not have"):
        run(tmp_path, stream)


@pytest.mark.parametrize("options", [{"base": 6}, {"base": -1}, {"last": 6}, {"base": 3, "last": 2}, {"batch_size": 0}])
def test_ranges_that_cannot_be_are_refused(tmp_path, options):
    with pytest.raises(InputError, match="choose"):
        run(tmp_path, **options)


def test_a_rate_that_diverges_is_named(tmp_path):
    with pytest.raises(InputError, match="not finite: lower optimizer.learning_rate"):
        run(tmp_path, state=make_state(Stream(make_ratings(), 200), rate=10.0, low=None, high=None))


def test_labels_that_are_known_later_are_refused(tmp_path):
    log = make_ratings()
    events = log.events.assign(known=log.events["timestamp"])
    run(tmp_path / "at once", Stream(Interactions(events, log.items), 200), last=0)
    events.loc[700, "known"] += pd.Timedelta("1D")
    with pytest.raises(InputError, match="Period 3 has labels that are known later than their events"):
        run(tmp_path / "later", Stream(Interactions(events, log.items), 200), base=4)


@pytest.mark.parametrize("options", [{"delay": 1}, {"period": "20 sessions"}])
def test_streams_that_reveal_late_are_refused(tmp_path, options):
    stream = Stream(make_ratings(), **{"period": 200, **options})
    with pytest.raises(InputError, match="leave out stream.delay and periods of sessions"):
        run(tmp_path, state=make_state(stream))
