"""What every memory in conf/memory must keep to, by the rows of a stream that a two-tower model learns from."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tf_keras
from omegaconf import OmegaConf

from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.build import build
from tfrec.data.stream import Stream
from tfrec.data.truth import LeakError
from tfrec.folders import conf_folder
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.memories.before import BEFORE, with_before

MEMORIES = sorted(path.stem for path in (conf_folder() / "memory").glob("*.yaml"))
PERIODS, SIZE = 4, 100


def make(name, **options):
    node = OmegaConf.to_container(OmegaConf.load(conf_folder() / "memory" / f"{name}.yaml"))
    return build(node | {"size": SIZE} | options, f"memory={name}", seed=3)


@pytest.fixture(scope="module")
def world():
    """A model with its weights of the start, and the update of each period."""
    model = make_model()
    learner = Learner(model, tf_keras.optimizers.SGD(0.1))
    state, updates = StreamState(Stream(make_interactions(per_day=12)), model, learner, {}), []
    for t in range(PERIODS):
        state.observe(t)
        updates.append(state.update(range(t, t + 1)))
    learner.build(updates[0].first_rows())
    assert len(updates[0].examples) < SIZE < sum(len(update.examples) for update in updates[:2])
    return SimpleNamespace(learner=learner, model=model, updates=updates)


def learned(world):
    """Rows of all periods, in order, and the period of each."""
    rows = [u.examples.rows(np.arange(len(u.examples)), u.candidates) for u in world.updates]
    periods = np.repeat(range(PERIODS), [len(u.examples) for u in world.updates])
    return {key: np.concatenate([part[key] for part in rows]) for key in rows[0]}, periods


@pytest.mark.parametrize("name", MEMORIES)
def test_rows_are_copies_of_what_was_learned_as_many_as_there_is_room_for(world, name):
    memory, seen = make(name), 0
    rows, periods = learned(world)
    for update in world.updates:
        memory.refresh(world.learner, update)
        memory.offer(world.learner, update)
        seen += len(update.examples)
        kept, number = memory.kept(), memory.facts["number"]
        assert len(memory) == len(set(number)) == min(SIZE, seen) and memory.seen == seen
        assert kept.keys() == rows.keys()
        for key, values in kept.items():
            assert len(values) == len(memory) and values.dtype == rows[key].dtype
            np.testing.assert_array_equal(values, rows[key][number])
        np.testing.assert_array_equal(memory.facts["period"], periods[number])
        places = memory.draw(50, np.random.default_rng(0))
        assert places.min() >= 0 and places.max() < len(memory)
        np.testing.assert_array_equal(memory.take(places)["item"], kept["item"][places])


@pytest.mark.parametrize("name", MEMORIES)
def test_restored_it_draws_and_goes_on_as_before(world, name):
    memory, copy = make(name), make(name)
    for update in world.updates[:2]:
        memory.offer(world.learner, update)
    copy.restore({key: np.array(values) for key, values in memory.state().items()})
    for update in world.updates[2:]:
        places = []
        for one in (memory, copy):
            places.append(one.draw(50, np.random.default_rng(0)))
            one.refresh(world.learner, update)
            places.append(one.draw(50, np.random.default_rng(1)))
            one.offer(world.learner, update)
        np.testing.assert_array_equal(places[:2], places[2:])
    one, two = memory.state(), copy.state()
    assert list(one) == list(two)
    for key, values in one.items():
        np.testing.assert_array_equal(values, two[key])


@pytest.mark.parametrize("name", MEMORIES)
def test_the_same_seed_keeps_the_same_rows_and_another_seed_others(world, name):
    kept = []
    for seed in (1, 1, 2):
        memory = make(name, seed=seed)
        for update in world.updates[:2]:
            memory.offer(world.learner, update)
        kept.append(memory.facts["number"].tolist())
    assert kept[0] == kept[1]
    assert (kept[0] == kept[2]) == (name in ("ring", "herding"))  # where nothing is by chance


@pytest.mark.parametrize("name", MEMORIES)
def test_bytes_bound_the_rows(world, name):
    memory = make(name, bytes=3_000)
    for update in world.updates:
        memory.offer(world.learner, update)
    kept = [*memory.kept().values(), *memory.facts.values()]
    held, row = (sum(v[:n].nbytes for v in kept) for n in (len(memory), 1))
    assert 3_000 - row < held <= 3_000


@pytest.mark.parametrize("name", MEMORIES)
def test_a_row_of_the_future_is_a_leak(world, name):
    memory = make(name)
    early = replace(world.updates[1], period=0)  # its rows are of period 1
    with pytest.raises(LeakError, match="a row of period 1 after 0"):
        memory.offer(world.learner, early)
    assert len(memory) == memory.seen == 0


@pytest.mark.parametrize("name", MEMORIES)
def test_drawn_rows_have_what_the_model_says_of_them_before_an_update(world, name):
    memory = make(name)
    for update in world.updates[:3]:
        memory.offer(world.learner, update)
    memory.refresh(world.learner, with_before(world.updates[3], world.model))
    places = memory.draw(40, np.random.default_rng(0))
    rows = memory.take(places)
    query, item = world.model.query_embeddings(rows), world.model.candidate_embeddings(rows)
    np.testing.assert_allclose(rows[f"{BEFORE}query"], query, atol=1e-6)
    np.testing.assert_allclose(rows[f"{BEFORE}candidate"], item, atol=1e-6)
    memory.offer(world.learner, world.updates[3])
    assert not any(key.startswith(BEFORE) for key in memory.take(places))
