"""Starting anew, and learning what a memory holds."""

import numpy as np
import pytest
import tf_keras

from tests.test_learner import grown, make_batch, make_model, values
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.memories.balanced import Balanced
from tfrec.memories.reservoir import Reservoir
from tfrec.strategies.gdumb import Gdumb
from tfrec.strategies.replay import Replay
from tfrec.strategies.warm_up import WarmUp


def assert_equal(one, two):
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_rate_that_rises_does_so_from_the_start_of_each_update_in_any_order():
    found = []
    for names in ([Gdumb, WarmUp], [WarmUp, Gdumb]):
        strategies = [kind() if kind is WarmUp else kind(Balanced(size=60)) for kind in names]
        learner = Learner(model := make_model(), tf_keras.optimizers.Adagrad(0.1), strategies)
        state = StreamState(Stream(make_interactions(per_day=12)), model, learner, {})
        for t in range(2):
            state.observe(t)
            state.learn(range(t, t + 1), epochs=1, batch_size=32)
        found.append(values(model))
    assert_equal(*found)


def test_the_same_memory_gives_the_same_weights_whatever_was_learned_in_between():
    memory = Balanced(size=60)
    learner = Learner(model := make_model(), tf_keras.optimizers.Adagrad(0.1), [Gdumb(memory)])
    state = StreamState(Stream(make_interactions(per_day=12)), model, learner, {})
    state.observe(0)
    state.learn(range(1), epochs=1, batch_size=32)
    first, kept = values(model), memory.facts["number"].copy()
    for variable in model.trainable_variables:
        variable.assign_add(0.1 + 0 * variable)
    state.learn(range(1), epochs=1, batch_size=32)
    assert_equal(values(model), first)
    np.testing.assert_array_equal(memory.facts["number"], kept)
    state.observe(1)
    costs = state.learn(range(1, 2), epochs=1, batch_size=32)
    assert costs["cost/examples"] == 64  # the memory's 60 rows, filled up to two batches
    assert any((a != b).any() for a, b in zip(values(model), first, strict=True))
    assert set(memory.facts["period"]) == {0, 1} and memory.seen == sum(state.sizes)


def test_a_memory_smaller_than_a_batch_is_a_sentence():
    learner = Learner(make_model(), tf_keras.optimizers.Adagrad(0.1), [Gdumb(Balanced(size=31))])
    state = StreamState(Stream(make_interactions(per_day=12)), learner.model, learner, {})
    state.observe(0)
    with pytest.raises(InputError, match="strategy.gdumb.memory.size is 31 rows, fewer than a batch of 32 has"):
        state.learn(range(1), epochs=1, batch_size=32)


def test_a_memory_beside_it_is_offered_what_was_revealed():
    """In either order: every example once, though the steps learn a memory of 60."""
    for gdumb_first in (True, False):
        replay = Replay(Reservoir(10_000), ratio=0.1)
        strategies = [Gdumb(Balanced(size=60)), replay][:: 1 if gdumb_first else -1]
        learner = Learner(model := make_model(), tf_keras.optimizers.Adagrad(0.1), strategies)
        state = StreamState(Stream(make_interactions(per_day=12)), model, learner, {})
        for t in range(2):
            state.observe(t)
            state.learn(range(t, t + 1), epochs=1, batch_size=32)
        assert len(replay.memory) == sum(state.sizes)
        assert np.bincount(replay.memory.facts["period"]).tolist() == state.sizes


@pytest.mark.parametrize("optimizer", ["Adagrad", "Adam"])
@pytest.mark.parametrize("grows", [False, True])
def test_starting_anew_gives_what_a_fresh_model_has(optimizer, grows):
    """Weights, slots and the number of steps; also after a table grew between steps."""

    def made():
        model = make_model()
        learner = Learner(model, getattr(tf_keras.optimizers, optimizer)(0.1))
        learner.keep_first()
        return model, learner, make_batch(model, grown(model))

    def grow(model, learner):
        if grows:
            assert model.item_table.grow(2 * model.item_table.capacity)
            learner.rebuild()

    model, learner, batch = made()
    learner.step(batch)
    grow(model, learner)
    learner.step(batch)
    fresh, other, _ = made()
    other.build({key: rows[:2] for key, rows in batch.items()})
    grow(fresh, other)
    assert any((a != b).any() for a, b in zip(values(model), values(fresh), strict=True))
    learner.start_anew()
    assert_equal(values(model), values(fresh))
    assert_equal(*([v.numpy() for v in one.optimizer.variables] for one in (learner, other)))
    for one in (learner, other):
        one.step(batch)
    assert_equal(values(model), values(fresh))
