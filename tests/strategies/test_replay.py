import numpy as np
import pytest
import tf_keras

from tests.memories.offers import update_of
from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.memories.reservoir import Reservoir
from tfrec.memories.ring import Ring
from tfrec.strategies.gdumb import Gdumb
from tfrec.strategies.replay import Replay


def make_state(*strategies):
    model = make_model()
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1), list(strategies))
    return StreamState(Stream(make_interactions()), model, learner, {}, seed=5)


def test_rows_of_the_memory_are_added_to_the_batch():
    replay = Replay(Reservoir(size=100))
    for start in (0, 30, 60):
        replay.consolidate(None, update_of(np.arange(start, start + 30)))
    np.testing.assert_array_equal(replay.memory.rows["number"][:90], np.arange(90))
    drawn = replay.augment({"number": np.full(400, -1)})["number"]
    assert (drawn[:400] == -1).all() and len(drawn) == 500
    assert set(drawn[400:]) <= set(range(90))


def test_the_memory_is_the_one_that_was_given_or_a_reservoir():
    memory = Ring(3)
    assert Replay(memory).memory is memory
    assert type(Replay(seed=4).memory) is Reservoir and Replay(seed=4).memory.seed == 4


def test_before_anything_is_learned_batches_stay_as_they_are():
    batch = {"number": np.arange(8)}
    assert Replay().augment(batch) is batch


@pytest.mark.parametrize("ratio, rows", [(0.5, 4), (0.25, 2), (0.01, 1), (1.25, 10)])
def test_the_ratio_says_how_many_rows_are_added(ratio, rows):
    replay = Replay(Reservoir(size=10), ratio=ratio)
    replay.consolidate(None, update_of(np.arange(10)))
    assert len(replay.augment({"number": np.arange(8)})["number"]) == 8 + rows


def test_more_rows_than_the_memory_has_room_for_are_a_sentence():
    replay = Replay(Reservoir(size=3), ratio=0.5)
    replay.consolidate(None, update_of(np.arange(10)))
    with pytest.raises(InputError, match="strategy.replay.memory.size is 3 rows, but 4 are drawn for a batch of 8"):
        replay.augment({"number": np.arange(8)})


@pytest.mark.parametrize("ratio", [0, -1, 11])
def test_a_ratio_out_of_range_is_a_sentence(ratio):
    with pytest.raises(InputError, match=f"strategy.replay.ratio is {ratio}: choose above 0, up to 10"):
        Replay(ratio=ratio)


def test_an_unlimited_memory_has_exactly_the_rows_of_the_stream():
    replay = Replay(Reservoir(size=10_000), ratio=0.5)
    state, rows = make_state(replay), []
    for t in range(3):
        state.observe(t)
        update = state.update(range(t, t + 1))
        rows.append(update.examples.rows(np.arange(len(update.examples)), update.candidates))
        state.learn(range(t, t + 1), epochs=2, batch_size=64)
    kept = replay.memory.kept()
    assert kept.keys() == rows[0].keys()
    for key, values in kept.items():
        np.testing.assert_array_equal(values, np.concatenate([part[key] for part in rows]))
    np.testing.assert_array_equal(replay.memory.facts["period"], np.repeat(range(3), state.sizes[:3]))


def test_whole_epochs_of_an_unlimited_memory_are_the_cumulative_method():
    """From the same start, with the same seed and order, the weights are equal bit for bit."""
    replayed, cumulative = make_state(Gdumb(Reservoir(size=10_000))), make_state()
    for t in range(3):
        replayed.observe(t)
        replayed.learn(range(t, t + 1), epochs=2, batch_size=64, log_q_window=3)
        cumulative.observe(t)
    cumulative.learn(range(3), epochs=2, batch_size=64, log_q_window=3)
    for one, two in zip(replayed.model.variables, cumulative.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
