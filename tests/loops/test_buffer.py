"""Updates larger than the buffer, and checkpoints of only some periods."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.loops.test_incremental import make_state, run
from tests.toy import make_interactions
from tfrec.checkpoint import Checkpoints
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.loops.incremental import Incremental
from tfrec.memories.reservoir import Reservoir
from tfrec.models.stream_model import StreamModel
from tfrec.strategies.replay import Replay


class Sizes:
    """What the loop asks about periods: how many examples they have, each of one row."""

    model = StreamModel

    def __init__(self, sizes):
        self.sizes = sizes

    def examples_in(self, periods):
        return sum(self.sizes[t] for t in periods)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(1, 20), st.integers(0, 5))
def test_parts_cover_the_periods_in_order_and_none_could_be_joined(sizes, buffer, start):
    start = min(start, len(sizes) - 1)
    parts = Incremental(buffer=buffer).updates._parts(Sizes(sizes), range(start, len(sizes)))
    assert [t for part in parts for t in part] == list(range(start, len(sizes)))
    held = [sum(sizes[t] for t in part) for part in parts]
    for part, examples in zip(parts, held, strict=True):
        assert len(part) == 1 or examples <= buffer
    for part, examples in zip(parts[1:], held[:-1], strict=True):
        assert examples + sizes[part[0]] > buffer  # the next period did not fit any more


@pytest.mark.parametrize("buffer, parts", [(1, 3), (10**6, 1)])
def test_each_example_is_learned_in_each_epoch_and_offered_once(tmp_path, buffer, parts):
    """A base of three periods, learned in parts or at once, with two epochs."""
    stream = Stream(make_interactions(days=50, per_day=40))
    state, replay = make_state(stream), Replay(Reservoir(size=2_000))
    state.learner.strategies.append(replay)
    learned, update = [], state.update
    state.update = lambda periods, *rest: (learned.append(periods), update(periods, *rest))[1]
    _, tracker = run(tmp_path, stream, state, base_epochs=2, epochs=3, buffer=buffer, window=2)
    assert [t for periods in learned[:parts] for t in periods] == [0, 1, 2]
    scored = range(3, len(stream))
    expected = [range(t, t + 1) for t in range(3)] if parts == 3 else [range(3)]
    for t in scored:
        expected += [range(t - 1, t), range(t, t + 1)] if parts == 3 else [range(t - 1, t + 1)]
    assert learned == expected
    assert replay.memory.seen == sum(len(stream[t]) for t in range(len(stream)))  # each example was offered once
    for row in tracker.rows:
        sizes = [len(stream[t]) for t in (row["period"] - 1, row["period"])]
        sizes = sizes if parts == 3 else [sum(sizes)]
        assert row["cost/steps"] == 3 * sum(-(-size // 64) for size in sizes)


def test_each_part_has_all_its_epochs_before_the_next(tmp_path):
    stream = Stream(make_interactions(days=50, per_day=40))
    state = make_state(stream)
    learned, learn = [], state.learn

    def recorded(periods, epochs, *rest):
        costs = learn(periods, epochs, *rest)
        learned.append((periods, epochs, costs["cost/steps"]))
        return costs

    state.learn = recorded
    run(tmp_path, stream, state, base_epochs=2, epochs=0, buffer=1)
    assert learned[:3] == [(range(t, t + 1), 2, 2 * -(-len(stream[t]) // 64)) for t in range(3)]
    assert all(steps == 0 for _, _, steps in learned[3:])  # epochs=0


@pytest.mark.parametrize("every, kept", [(1, [3, 4, 5, 6]), (2, [4, 6]), (3, [5, 6]), (9, [6])])
def test_checkpoints_are_of_every_so_many_periods_and_of_the_last(tmp_path, every, kept):
    saved, save = [], Checkpoints.save
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save", lambda self, t, *rest: (saved.append(t), save(self, t, *rest)))
        _, tracker = run(tmp_path, checkpoint_every=every)
    assert saved == [2, *kept]  # 2 is the base
    assert [row["period"] for row in tracker.rows] == [3, 4, 5, 6]
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["period-0002", "period-0006"]


@pytest.mark.parametrize("options", [{"buffer": 0}, {"checkpoint_every": 0}, {"buffer": 2.5}])
def test_what_is_no_positive_number_is_refused(options):
    with pytest.raises(InputError, match="choose"):
        Incremental(**options)


def test_rounding_of_a_part_does_not_matter(tmp_path):
    """A buffer that holds all gives the weights of no buffer at all, bit for bit."""
    stream = Stream(make_interactions(days=50, per_day=40))
    states = [run(tmp_path / str(buffer), stream, buffer=buffer)[0] for buffer in (2_000_000, 840)]
    assert states[0].examples_in(range(3)) <= 840
    for one, two in zip(*(state.model.variables for state in states), strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
