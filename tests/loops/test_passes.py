"""How an update's examples are gone through: their order, the batches of a step, and what chooses the epochs."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.loops.test_incremental import make_state, run
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.gradients import averaged
from tfrec.learner import Learner
from tfrec.loops.budget import Budget
from tfrec.loops.incremental import Incremental
from tfrec.loops.passes import Passes
from tfrec.loops.validation import EarlyStopping
from tfrec.memories.reservoir import Reservoir
from tfrec.models.weights import Weights
from tfrec.strategies.replay import Replay
from tfrec.strategies.si import Si
from tfrec.strategies.weight_average import WeightAverage


def known(periods):
    state = make_state(Stream(make_interactions(days=50, per_day=40)))
    for t in range(periods):
        state.observe(t)
    return state


def equal(model, other):
    for value, expected in zip(Weights(model).values, Weights(other).values, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)


def test_an_accumulated_step_is_the_mean_gradient_of_its_batches():
    """Plain SGD, two batches of 16 in time order: every variable moves by -rate * the mean of both gradients."""
    state = known(1)
    update, model = state.update(range(1)), state.model
    update = update.between(None, np.sort(update.examples.times)[32])  # the first 32 examples: one step
    state.learner = Learner(model, tf_keras.optimizers.SGD(0.5))
    state.learner.build(update.first_rows())
    expected = [variable.numpy() for variable in model.trainable_variables]
    losses = []
    for start in (0, 16):
        batch = update.examples.rows(np.arange(start, start + 16), update.candidates)
        with tf.GradientTape() as tape:
            loss = model.compute_loss({k: tf.constant(v) for k, v in model.table_rows(batch).items()}, training=True)
        losses.append(float(loss))
        for value, slope in zip(expected, tape.gradient(loss, model.trainable_variables), strict=True):
            value -= 0.5 * tf.convert_to_tensor(slope).numpy() / 2
    found = state.learner.learn(update, 1, 16, seed=0, passes=Passes("time", 2))
    assert state.learner.steps == 1 and float(found["loss"]) == pytest.approx(np.mean(losses), rel=1e-6)
    for variable, value in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, atol=1e-6)


def test_gradients_of_rows_stay_gradients_of_rows():
    """Rows 0 and 2 of a table in one batch, row 2 in the other; a variable that only one of them reads."""
    table, other = tf.Variable(tf.ones([4, 1])), tf.Variable(3.0)

    def tape_fn(batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(table, batch["row"]) * batch["times"])
            loss += other * 2.0 if "reads" in batch else 0.0
        return {"loss": loss}, tape.gradient(loss, [table, other])

    one = {"row": tf.constant([0, 2]), "times": tf.constant([[1.0], [2.0]])}
    two = {"row": tf.constant([2]), "times": tf.constant([[4.0]]), "reads": tf.constant(0)}
    losses, (rows, slope) = averaged(tape_fn, (one, two))
    assert isinstance(rows, tf.IndexedSlices) and set(rows.indices.numpy()) == {0, 2}
    np.testing.assert_allclose(tf.convert_to_tensor(rows)[:, 0], [0.5, 0, 3, 0])  # (1, 2 + 4) / 2
    assert float(slope) == 1.0 and float(losses["loss"]) == pytest.approx((3 + 4 + 6) / 2)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_step_costs_all_its_batches(steps):
    """Some 280 examples in batches of 16: three epochs of steps of 64 rows, or a budget of so many steps."""
    state = known(1)
    epochs = -(-state.sizes[0] // 64)
    costs = state.learn(range(1), 3, 16, passes=Passes(accumulation=4))
    assert (costs["cost/steps"], costs["cost/examples"]) == (3 * epochs, 3 * epochs * 64)
    costs = state.learn(range(1), 3, 16, passes=Passes(accumulation=4, budget=Budget(steps=steps)))
    assert (costs["cost/steps"], costs["cost/examples"]) == (steps, steps * 64)


def test_in_time_order_batches_are_as_the_log():
    state = known(2)
    examples = state.update(range(2)).examples
    batches = list(examples.batches(state.update(range(2)).candidates, 50, np.random.default_rng(0), "time"))
    rows = np.concatenate([batch["item"] for batch in batches])[: len(examples)]
    np.testing.assert_array_equal(rows, examples.item)
    assert (np.diff(examples.times) >= 0).all()


def test_an_update_and_its_later_part_hold_each_example_once():
    state = known(3)
    state.learn(range(2), 1, 32)
    update = state.update(range(1, 3))
    cut = update.examples.times[update.periods == 2][40]
    first, later = update.between(None, cut), update.between(cut, None)
    assert (first.examples.times[first.periods == 2] < cut).all()
    assert (later.examples.times[later.periods == 2] >= cut).all()
    assert (first.periods == 1).sum() == (later.periods == 1).sum() == state.sizes[1] == first.fresh == later.fresh
    assert (first.periods == 2).sum() + (later.periods == 2).sum() == state.sizes[2]


@pytest.mark.parametrize("scores, epochs, best", [([0.1, 0.3, 0.2, 0.2], 4, 2), ([0.5, 0.1, 0.1], 3, 1)])
def test_the_later_part_of_a_period_chooses_the_epochs_of_what_is_before_it(
    scores, epochs, best, tmp_path, monkeypatch
):
    """One update after the base: `best` epochs of the first half, then as many of the second; later events only are
    looked at, with what was known before the period."""
    seen, told = [], iter(scores)

    def score(stopping):
        (truth,) = stopping.exams.truths.values()
        seen.append((stopping.state.learner.steps, sum(len(items) for items in truth.targets), truth.catalogue))
        return next(told)

    monkeypatch.setattr(EarlyStopping, "score", score)
    options = {"base": 3, "last": 3, "epochs": 6, "base_epochs": 1, "log_q_window": 1}
    state, _ = run(tmp_path / "stopped", later=0.5, **options)
    assert len(seen) == epochs
    plain = known(3)
    plain.learn(range(3), 1, 64, 1)
    catalogue, events = len(plain.history.items), plain.stream[3]
    plain.observe(3)
    cut = events["timestamp"].iloc[len(events) // 2]
    later = events[events["timestamp"] >= cut]
    assert {(targets, size) for _, targets, size in seen} == {(len(later), catalogue)}
    update = plain.update(range(3, 4), 1)
    for part in (update.between(None, cut.value), update.between(cut.value, None)):
        plain.learner.learn(part, best, 64, seed=0)
    assert state.learner.last_period == 3 and state.learner.updates == 2  # the base and this one
    equal(state.model, plain.model)


def test_events_after_the_update_choose_nothing(tmp_path):
    """Without a patch: the same weights from a log that ends soon after the period."""
    whole, _ = run(tmp_path / "whole", later=0.3, epochs=5, base=3, last=4)
    events = make_interactions(days=50, per_day=40)
    log = events.events[events.events["timestamp"] < whole.stream[5]["timestamp"].iloc[9]]
    short, _ = run(
        tmp_path / "short", Stream(type(events)(log, events.items), period="7D"), later=0.3, epochs=5, base=3
    )
    assert short.learner.steps == whole.learner.steps
    equal(short.model, whole.model)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"order": "sorted"}, r"loop\.order is 'sorted': choose random or time"),
        ({"accumulation": 0}, r"loop\.accumulation is 0: choose a whole number, 1 or more"),
        ({"later": 1.0}, r"loop\.later is 1\.0: choose a share"),
        ({"later": 0.2, "epochs": 0}, r"loop\.later=0\.2 chooses epochs up to loop\.epochs=0: choose 1 or more"),
        ({"later": 0.2, "start": "cold"}, r"loop\.later chooses the epochs of warm updates.*choose one of them"),
        ({"later": 0.2, "budget": Budget(steps=3)}, r"loop\.later chooses the epochs .* loop\.budget says another end"),
    ],
)
def test_keys_out_of_range_or_that_disagree_are_a_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Incremental(**options)


def test_events_that_come_late_cannot_choose_epochs(tmp_path):
    stream = Stream(make_interactions(days=50, per_day=40), delay=1)
    with pytest.raises(InputError, match=r"revealed late .*choose loop\.later=0"):
        run(tmp_path, stream, later=0.3)


def test_a_period_of_one_moment_has_only_a_later_part(tmp_path):
    """It is learned for all epochs."""
    log = make_interactions(days=50, per_day=40)
    events, start = log.events.copy(), log.events["timestamp"].iloc[0]
    week = (events["timestamp"] - start) // np.timedelta64(7, "D")
    events.loc[week == 3, "timestamp"] = start + 3 * np.timedelta64(7, "D") + np.timedelta64(1, "h")
    stream = Stream(type(log)(events, log.items), period="7D")
    state, tracker = run(tmp_path, stream, later=0.5, epochs=2, base=3, last=3, batch_size=64)
    assert tracker.rows[-1]["cost/steps"] == 2 * -(-state.sizes[3] // 64)


def test_held_out_requests_choose_nothing(tmp_path, monkeypatch):
    """Users of even numbers are held out of what is learned, and of what chooses the epochs."""
    asked = []
    monkeypatch.setattr(
        EarlyStopping, "score", lambda s: asked.extend(*[t.requests.ids for t in s.exams.truths.values()]) or 1.0
    )
    for options in ({"later": 0.5}, {"start": "cold", "window": None, "validation": 1}):
        state = make_state(Stream(make_interactions(days=50, per_day=40)))
        state.held_out = lambda events: events["user"].to_numpy() % 2 == 0
        run(tmp_path / str(len(asked)), state.stream, state, base=3, last=4, **options)
    assert asked and all(user % 2 for user in asked)


@pytest.mark.parametrize("strategy", [Si(), WeightAverage()])
def test_what_keeps_something_of_each_step_cannot_go_back_to_an_epoch(strategy, tmp_path):
    state = make_state(Stream(make_interactions(days=50, per_day=40)))
    state.learner.strategies.append(strategy)
    with pytest.raises(InputError, match=f"{type(strategy).__name__} keeps something of every step, and loop.valid"):
        run(tmp_path, state.stream, state, later=0.5)


def test_a_memory_takes_both_parts_of_a_period_once(tmp_path):
    state = make_state(Stream(make_interactions(days=50, per_day=40)))
    state.learner.strategies.append(replay := Replay(Reservoir(10_000)))
    run(tmp_path, state.stream, state, later=0.3, epochs=3, base=3, last=5)
    assert np.bincount(replay.memory.facts["period"]).tolist() == state.sizes
