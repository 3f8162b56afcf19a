"""The number of epochs is chosen on periods of the base, by nothing that is reported."""

from types import SimpleNamespace

import numpy as np
import pytest
import tf_keras

from tests.loops.test_incremental import make_state, run
from tests.test_learner import grown, make_batch, make_model
from tests.toy import make_interactions
from tfrec.data.interactions import Interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.incremental import Incremental
from tfrec.loops.validation import EarlyStopping
from tfrec.models.weights import Weights
from tfrec.tasks.queue import Queue

OPTIONS = {"base": 4, "last": 4, "base_epochs": 6, "validation": 2, "patience": 2, "epochs": 0}


class Told:
    """An `EarlyStopping` whose scores are given."""

    def __init__(self, monkeypatch, scores):
        self.epochs, scores = [], iter(scores)
        monkeypatch.setattr(EarlyStopping, "score", lambda stopping: next(scores))

    def __call__(self, epoch, value):
        self.epochs.append((epoch, value))


@pytest.mark.parametrize(
    "scores, epochs, best",
    [
        ([0.1, 0.3, 0.2, 0.2], 4, 2),  # two epochs without a new best after the second
        ([0.1, 0.3, 0.3, 0.3], 4, 2),  # as good is no new best
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),  # never stopped
        ([0.5, 0.1, 0.6, 0.1, 0.1], 5, 3),
    ],
)
def test_learning_stops_and_goes_back_to_the_best_epoch(scores, epochs, best, tmp_path, monkeypatch):
    """The weights are those of a run with just so many epochs."""
    told = Told(monkeypatch, scores)
    monkeypatch.setattr("tfrec.tracking.Tracker.validation", lambda self, *told_of: told(*told_of))
    state, _ = run(tmp_path / "stopped", **OPTIONS)
    assert [value for _, value in told.epochs] == scores[:epochs]
    plain = make_state(Stream(make_interactions(days=50, per_day=40)))
    for t in range(4):
        plain.observe(t)
    plain.learn(range(2), best, 64, 8)
    assert state.learner.steps > plain.learner.steps or epochs == best
    for t in (2, 3, 4):
        plain.model.start_rows(plain.history, t - 1) if t < 4 else plain.observe(t)
    for value, other in zip(Weights(state.model).values, Weights(plain.model).values, strict=True):
        np.testing.assert_allclose(value, other, atol=1e-6)


def test_what_a_queue_keeps_goes_back_to_the_best_epoch_too(monkeypatch):
    Told(monkeypatch, [0.5, 0.1])
    model = make_model(loss=Queue(6))
    learner, history = Learner(model, tf_keras.optimizers.Adagrad(0.1)), grown(model)
    state = SimpleNamespace(model=model, learner=learner)
    exams = SimpleNamespace(evaluator=SimpleNamespace(headline="ndcg@10"))
    stopping = EarlyStopping(state, exams, 0, 5, lambda epoch, value: None)
    kept = []
    for epoch in range(2):
        learner.step(make_batch(model, history, seed=epoch))
        assert not stopping(epoch)
        kept.append([variable.numpy() for variable in model.retrieval_loss.kept])
    assert (kept[0][1] != kept[1][1]).any()
    stopping.restore_best()
    for value, variable in zip(kept[0], model.retrieval_loss.kept, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_the_future_changes_nothing_that_is_chosen(tmp_path):
    """Items of the events after the base, permuted: the same epochs and weights, so the same first scores' model."""
    interactions = make_interactions(days=50, per_day=40)
    events, start = interactions.events.copy(), interactions.events["timestamp"].iloc[0]
    later = np.flatnonzero(events["timestamp"] >= start + 4 * np.timedelta64(7, "D"))
    items = events["item"].to_numpy().copy()
    items[later] = np.random.default_rng(0).permutation(items[later])
    chosen = []
    for name, log in (("real", events), ("permuted", events.assign(item=items))):
        state = make_state(Stream(Interactions(log, interactions.items)))
        kept = []
        state.start_baselines = lambda state=state, kept=kept: kept.extend(
            [*Weights(state.model).values, np.array(state.learner.steps)]
        )
        run(tmp_path / name, state=state, stream=state.stream, **(OPTIONS | {"epochs": 1}))
        chosen.append(kept)
    assert not np.array_equal(items, events["item"])
    for value, other in zip(*chosen, strict=True):
        np.testing.assert_array_equal(value, other)


def test_validation_periods_are_learned_after_the_choice(tmp_path):
    state, tracker = run(tmp_path, **(OPTIONS | {"epochs": 1}))
    assert state.learner.last_period == 4 and len(tracker.rows) == 1
    assert state.learner.updates == 1 + 2 + 1  # the base's first part, its two validation periods, period 4


@pytest.mark.parametrize(
    "options, words",
    [
        ({"validation": -1}, "loop.validation is -1"),
        ({"base": 3, "validation": 3}, "loop.validation is 3 of loop.base=3"),
        ({"validation": 1, "base_epochs": 0}, "leave periods and epochs to learn"),
        ({"patience": 0}, "loop.patience is 0"),
    ],
)
def test_what_makes_no_sense_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        Incremental(**options)
