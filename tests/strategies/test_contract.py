"""What every strategy in conf/strategy must keep to."""

import pickle
from functools import cache

import numpy as np
import pytest
import tf_keras
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.build import build
from tfrec.data.stream import Stream
from tfrec.encoders.presets import scratch
from tfrec.folders import conf_folder
from tfrec.learner import Learner
from tfrec.loops.budget import Budget
from tfrec.loops.passes import Passes
from tfrec.loops.state import StreamState
from tfrec.peft.full import Full

TEACHERS = ("masked_words", "co_purchases")
STRATEGIES = sorted(path.stem for path in (conf_folder() / "strategy").glob("*.yaml") if path.stem != "none")
# For tests that learn anew: with a text encoder that takes half a minute.
TO_LEARN = [pytest.param(name, marks=pytest.mark.slow if name in TEACHERS else []) for name in STRATEGIES]


def make(name):
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose("config", overrides=[f"strategy={name}"])
    (node,) = OmegaConf.to_container(cfg.strategy).values()
    small = {"steps": 2, "batch_size": 4} if name in TEACHERS else {}
    return build(node | small, f"strategy.{name}", seed=0)


def model_for(names, **options):
    """Two towers; with an encoder that learns, where a strategy teaches it."""
    if set(names) & set(TEACHERS):
        options |= {"encoder": scratch(layers=1, dim=8, max_length=16, peft=Full()), "new_items": "text"}
    return make_model(**options)


def make_state(strategy, periods=3):
    model = model_for([getattr(strategy, "name", "")])
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1), [strategy])
    state = StreamState(Stream(make_interactions(per_day=40)), model, learner, {})
    for t in range(periods):
        state.observe(t)
        state.learn(range(t, t + 1), epochs=1, batch_size=32)
    return state


@cache
def learned(name):
    """A state after five periods, which most tests look at."""
    return make_state(make(name), periods=5)


@pytest.mark.parametrize("name", TO_LEARN)
def test_the_same_seed_gives_the_same_model(name):
    again = make_state(make(name), periods=5)
    for value, other in zip(learned(name).model.variables, again.model.variables, strict=True):
        np.testing.assert_array_equal(value.numpy(), other.numpy())


@pytest.mark.parametrize("name", STRATEGIES)
def test_at_most_one_trace_more_than_without(name):
    """The first update may have other shapes than the later ones; nothing else is traced."""
    assert learned(name).learner.traces <= 2


@pytest.mark.parametrize("name", STRATEGIES)
def test_state_restores_what_it_does_next(name):
    state = learned(name)
    strategy, copy = state.learner.strategies[0], make(name)
    copy.restore({key: np.array(value) for key, value in strategy.state().items()})
    if hasattr(copy, "log_q"):  # what an update says when it begins
        copy.log_q = strategy.log_q
    update = state.update(range(4, 5))
    batch = next(update.examples.batches(update.candidates, 32, np.random.default_rng(0)))
    one, two = strategy.augment(batch), copy.augment(batch)
    for key in batch:
        np.testing.assert_array_equal(one[key], two[key])
    assert pickle.dumps(strategy.state()) == pickle.dumps(copy.state())


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_batch_is_not_changed_in_place_and_shapes_stay(name):
    state = learned(name)
    (strategy,), update = state.learner.strategies, state.update(range(4, 5))
    shapes = set()
    for batch in update.examples.batches(update.candidates, 32, np.random.default_rng(0)):
        before = pickle.dumps(batch)
        augmented = strategy.augment(batch)
        assert pickle.dumps(batch) == before
        assert augmented.keys() >= batch.keys()
        assert all(augmented[key].dtype == batch[key].dtype for key in batch)
        shapes.add(tuple((key, augmented[key].shape) for key in sorted(augmented)))
    assert len(shapes) == 1


@pytest.mark.parametrize("name", TO_LEARN)
def test_memory_is_bounded_and_a_budget_kept_to(name):
    """What a strategy keeps after many updates is no more than after few, and an update of 640 rows has as many, within
    a batch of 64 and what is added to it, whatever a strategy does beside."""
    strategy = make(name)
    if hasattr(strategy, "memory"):
        strategy.memory.size = 64
    state = make_state(strategy)
    few = sum(np.asarray(value).nbytes for value in strategy.state().values())
    for _ in range(5):
        state.learn(range(2, 3), epochs=1, batch_size=64)
    assert sum(np.asarray(value).nbytes for value in strategy.state().values()) <= few
    costs = state.learn(range(2, 3), epochs=1, batch_size=64, passes=Passes(budget=Budget(examples=640)))
    assert 640 - 2 * 64 < costs["cost/examples"] <= 640
