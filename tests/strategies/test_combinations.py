"""Strategies by two, and each of them killed and resumed."""

import pickle
from itertools import combinations

import numpy as np
import pytest
import tf_keras

from tests.strategies.test_contract import STRATEGIES, TEACHERS, make, model_for
from tests.toy import TRACKER, make_interactions
from tfrec.checkpoint import Checkpoints
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.state import StreamState

PAIRS = list(combinations(STRATEGIES, 2))


def refused(pair):
    """Why two strategies do not go together, or None."""
    one, other = (make(name) for name in pair)
    if any(s.starts_anew for s in (one, other)) and any(s.goes_on or s.compares for s in (one, other)):
        return "about the weights of the last update"
    return "score by weights of their own" if one.goes_on and other.goes_on else None


def beside(name):
    """A strategy with the next one that goes with it and teaches no text encoder."""
    place = STRATEGIES.index(name)
    others = [other for other in [*STRATEGIES[place + 1 :], *STRATEGIES[:place]] if other not in TEACHERS]
    return next(pair for other in others if not refused(pair := (name, other)))


# Every second one and the next to it: each strategy is in a pair. Those that teach a text encoder take a minute.
COVERING = [beside(name) for name in [name for name in STRATEGIES if name not in TEACHERS][::2]]
TAUGHT = [pytest.param(beside(name), marks=pytest.mark.slow) for name in TEACHERS]


def state_of(names):
    learner = Learner(model_for(names, dropout=0.1), tf_keras.optimizers.Adagrad(0.1), [small(name) for name in names])
    return StreamState(Stream(make_interactions(days=35, per_day=40)), learner.model, learner, {})


def small(name):
    """A strategy whose buffer is full after the first period."""
    strategy = make(name)
    if hasattr(strategy, "memory"):
        strategy.memory.size = 150
    return strategy


def learn(state, t):
    return state.learn(range(t, t + 1), epochs=1, batch_size=32)


def resumed(names, folder, killed_after, periods):
    """A run, and one that goes on from the checkpoint that it wrote after a period."""
    whole = state_of(names)
    for t in range(periods):
        whole.observe(t)
        assert all(np.isfinite(value) for value in learn(whole, t).values())
        if t == killed_after:
            Checkpoints(folder).save(t, whole, TRACKER)
    second = state_of(names)
    for t in range(killed_after + 1):
        second.observe(t)
    Checkpoints(folder).restore(killed_after, second, TRACKER)
    for t in range(killed_after + 1, periods):
        second.observe(t)
        learn(second, t)
    return whole, second


def same(whole, second):
    for value, other in zip(whole.model.variables, second.model.variables, strict=True):
        np.testing.assert_array_equal(value.numpy(), other.numpy())
    for one, other in zip(whole.learner.strategies, second.learner.strategies, strict=True):
        kept, again = one.state(), other.state()
        assert kept.keys() == again.keys()
        for key in kept:
            np.testing.assert_array_equal(kept[key], again[key])


def keeps_to_the_contract(state):
    """Batches of one shape that were not changed in place, a graph for the first update and one more, full memories."""
    update, shapes = state.update(range(2, 3)), set()
    for batch in update.examples.batches(update.candidates, 32, np.random.default_rng(0)):
        before, augmented = pickle.dumps(batch), batch
        for strategy in state.learner.strategies:
            augmented = strategy.augment(augmented)
        assert pickle.dumps(batch) == before and augmented.keys() >= batch.keys()
        assert all(augmented[key].dtype == batch[key].dtype for key in batch)
        shapes.add(tuple((key, augmented[key].shape) for key in sorted(augmented)))
    assert len(shapes) == 1 and state.learner.traces <= 2
    for strategy in state.learner.strategies:
        assert not hasattr(strategy, "memory") or len(strategy.memory) == 150


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_killed_and_resumed_run_is_the_whole_run(name, tmp_path):
    same(*resumed([name], tmp_path, 1, 4))


@pytest.mark.parametrize("pair", [*COVERING, *TAUGHT], ids="+".join)
def test_two_strategies_learn_side_by_side_and_are_resumed_as_the_whole_run(pair, tmp_path):
    """So each strategy is killed and resumed beside another one, and keeps to the contract there."""
    assert len(COVERING) <= 30 and {name for each in COVERING for name in each} == {*STRATEGIES} - {*TEACHERS}
    whole, second = resumed(pair, tmp_path, 1, 3)
    same(whole, second)
    keeps_to_the_contract(whole)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_any_two_strategies_learn_side_by_side(pair, tmp_path):
    """Or are refused, where one goes on from the last weights and the other starts anew, or takes its place."""
    if why := refused(pair):
        with pytest.raises(InputError, match=why):
            state_of(pair)
    else:
        same(*resumed(pair, tmp_path, 1, 3))
