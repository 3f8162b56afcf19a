"""Budgets and cold starts."""

import logging
import time

import numpy as np
import pytest
import tf_keras

from tests.loops.test_incremental import make_state, run
from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.budget import Budget
from tfrec.loops.incremental import Incremental
from tfrec.loops.passes import Passes
from tfrec.loops.state import StreamState
from tfrec.loops.validation import EarlyStopping
from tfrec.memories.reservoir import Reservoir
from tfrec.models.weights import Weights
from tfrec.strategies.gdumb import Gdumb
from tfrec.strategies.replay import Replay
from tfrec.strategies.sml import Sml


def learned(budget, strategies=(), batch_size=32):
    """A base of two periods without a budget, then an update of one period with it; what the update cost."""
    state = make_state(Stream(make_interactions(days=50, per_day=40)))
    state.learner.strategies.extend(strategies)
    for t in range(3):
        state.observe(t)
    state.learn(range(2), 1, batch_size)
    return state, state.learn(range(2, 3), 1, batch_size, passes=Passes(budget=budget))


@pytest.mark.parametrize("steps", [1, 3, 25])
def test_a_budget_of_steps_is_kept_to_the_step(steps):
    """A period has some 280 examples, 9 batches of 32: 25 steps are nearly three passes."""
    assert learned(Budget(steps=steps))[1]["cost/steps"] == steps


def test_a_replayed_row_is_an_example_too():
    """320 examples: 10 steps of 32 rows, but 8 steps of 40 where each batch has 8 replayed rows."""
    costs = learned(Budget(examples=320))[1]
    assert (costs["cost/steps"], costs["cost/examples"]) == (10, 320)
    costs = learned(Budget(examples=320), [Replay(Reservoir(100), ratio=0.25)])[1]
    assert (costs["cost/steps"], costs["cost/examples"]) == (8, 320)


def test_seconds_end_an_update():
    state, costs = learned(Budget(seconds=0.5))
    assert costs["cost/steps"] > 9  # more than one pass over the period, in half a second


def test_seconds_are_looked_at_before_each_step(monkeypatch):
    """Steps that take 0.05 s each: after 0.12 s none begins, so 3 are made (fewer where the first is late)."""
    call = Learner._call

    def slow(learner, stack):
        assert len(stack) == len(next(iter(stack[0].values()))) == 1
        time.sleep(0.05)
        return call(learner, stack)

    state, _ = learned(None)  # traced and warm
    monkeypatch.setattr(Learner, "_call", slow)
    started = time.perf_counter()
    costs = state.learn(range(2, 3), 1, 32, passes=Passes(budget=Budget(seconds=0.12)))
    assert 1 <= costs["cost/steps"] <= 3 and time.perf_counter() - started < 10


def test_a_period_without_examples_is_told_and_makes_no_step(caplog):
    state = make_state(Stream(make_interactions()))
    state.observe(0)
    state.learn(range(1), 1, 32)
    state.observe(1)
    before, state.sizes[1] = [v.numpy() for v in state.model.trainable_variables], 0
    with caplog.at_level(logging.INFO):
        costs = state.learn(range(1, 2), 1, 32)
    assert costs == {"cost/steps": 0, "cost/examples": 0}
    assert "periods 1 to 1 give nothing to learn from: the update makes no step" in caplog.text
    for value, variable in zip(before, state.model.trainable_variables, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_without_a_budget_epochs_end_an_update():
    assert learned(Budget())[1]["cost/steps"] == learned(None)[1]["cost/steps"]


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"steps": 0}, r"loop\.budget\.steps is 0, which allows no step"),
        ({"steps": 3, "examples": 5}, r"loop\.budget has .*choose one of steps, examples and seconds"),
    ],
)
def test_what_is_no_budget_is_a_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Budget(**options)


def test_a_budget_below_one_batch_is_a_sentence():
    with pytest.raises(InputError, match=r"loop\.budget\.examples is 20, which allows no step: .* would make it 32"):
        learned(Budget(examples=20))


def test_a_budget_of_an_update_that_the_buffer_cuts_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"loop\.budget is of an update, and periods 0 to 2 have more examples than"):
        run(tmp_path, Stream(make_interactions()), base=2, window=None, budget=Budget(steps=5), buffer=200)
    run(tmp_path / "none", Stream(make_interactions()), base=2, window=None, budget=Budget(), buffer=200)


@pytest.mark.parametrize(
    "strategy, loop, sentence",
    [
        (Gdumb(), {"validation": 1}, "The strategy Gdumb learns its memory instead"),
        (Gdumb(), {"later": 0.5}, "The strategy Gdumb learns its memory instead"),
        (Sml(), {"later": 0.5}, "The strategy Sml learns on an update's examples before the model does"),
        (
            Replay(),
            {"validation": 2, "start": "cold", "window": None},
            r"has rows of the periods that loop\.validation=2 keeps back",
        ),
    ],
)
def test_what_would_choose_epochs_by_what_was_learned_is_a_sentence(tmp_path, strategy, loop, sentence):
    stream = Stream(make_interactions())
    model = make_model()
    state = StreamState(stream, model, Learner(model, tf_keras.optimizers.Adagrad(0.1), [strategy]), {})
    with pytest.raises(InputError, match=sentence):
        run(tmp_path, stream, state, base=3, **loop)


def test_a_cold_update_is_a_base_of_all_periods(tmp_path):
    """The last update of a run with window null learns periods 0 to 4 as a run whose base they are."""
    cold, _ = run(tmp_path / "cold", base=3, last=4, base_epochs=2, window=None, start="cold")
    state = make_state(Stream(make_interactions(days=50, per_day=40)))
    for t in range(5):
        state.observe(t)
    state.learn(range(5), 2, 64, 8)
    for value, other in zip(Weights(cold.model).values, Weights(state.model).values, strict=True):
        np.testing.assert_allclose(value, other, atol=1e-6)
    for slot, other in zip(cold.learner.optimizer.variables, state.learner.optimizer.variables, strict=True):
        np.testing.assert_allclose(slot, other, atol=1e-6)


def test_a_cold_update_chooses_its_epochs_on_its_newest_periods(tmp_path, monkeypatch):
    """With two validation periods, its steps are those of up to six epochs of the others, then one of each of the two;
    it looks at no other period than these."""
    seen = []

    def score(stopping):
        seen.append((stopping.since, sorted(stopping.exams.truths)))
        return float(-len(seen))  # the first epoch is the best each time: two more are tried

    monkeypatch.setattr(EarlyStopping, "score", score)
    monkeypatch.setattr("tfrec.tracking.Tracker.validation", lambda *told: None)
    run(tmp_path / "cold", base=3, last=4, base_epochs=6, window=None, start="cold", validation=2, patience=2)
    assert set(map(str, seen)) == {str((0, [1, 2])), str((1, [2, 3])), str((2, [3, 4]))}


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"start": "hot"}, r"loop\.start is 'hot': choose warm or cold"),
        ({"start": "cold", "budget": Budget(steps=3)}, r"loop\.start=cold .* loop\.budget says another end"),
        (
            {"start": "cold", "window": 2, "validation": 2},
            r"loop\.start=cold learns loop\.window=2 .*loop\.validation=2",
        ),
    ],
)
def test_keys_that_disagree_are_a_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Incremental(**options)
