"""A run over a log with all columns, cut off and resumed in the same process, is the uninterrupted run bit for bit."""

import numpy as np
import pytest

from tests.shop import make_model, make_shop, make_state
from tfrec.baselines.frozen import Frozen
from tfrec.baselines.stale import Stale
from tfrec.checkpoint import Checkpoints
from tfrec.evaluate import Evaluator
from tfrec.layers.fusion.gated import Gated
from tfrec.layers.fusion.mlp import Mlp
from tfrec.loops.incremental import Incremental
from tfrec.memories.reservoir import Reservoir
from tfrec.strategies.replay import Replay
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod


class Killed(Exception):
    pass


class KilledTrigger(EveryPeriod):
    """Ends the run inside of a period, after it was scored."""

    def __init__(self, t, n=1):
        super().__init__(n)
        self.t = t

    def __call__(self, t):
        if t == self.t:
            raise Killed
        return super().__call__(t)


def run(folder, log, trigger, model=None, **options):
    """The state at the end of a run, which goes on from the folder's newest checkpoint."""
    baselines = {"frozen": Frozen(), "stale": Stale()}
    state = make_state(
        log, make_model(**(model or {})), baselines=baselines, strategies=[Replay(Reservoir(size=60), ratio=0.5)]
    )
    loop = Incremental(**{"base": 2, "batch_size": 32} | options)
    tracker = Tracker(folder, {"name": "shop", "seed": 5}, "ndcg@5")
    loop.run(state, trigger, Evaluator(["ndcg@5"]), tracker, Checkpoints(folder / "checkpoints"))
    return state


def left(folder, state):
    """All that a run leaves: its table, and the values of weights, optimizer and buffer."""
    parts = [*state.model.variables, *state.learner.optimizer.variables]
    arrays = [variable.numpy() for variable in parts]
    buffer = state.learner.strategies[0].state()
    return (folder / "stream.csv").read_bytes(), arrays + [buffer[key] for key in sorted(buffer)]


@pytest.mark.parametrize(
    "killed_in, every, n, late",
    [
        (2, 1, 1, True),
        (4, 1, 2, False),
        (4, 2, 1, True),
        *(
            pytest.param(*options, marks=pytest.mark.slow)
            for options in [(2, 1, 1, False), (4, 1, 2, True), (4, 2, 1, False)]
        ),
    ],
)
def test_killed_and_resumed(tmp_path, late, killed_in, every, n):
    """In the first period after the base; in a later one; in one since whose checkpoint another one went by."""
    log = make_shop(days=45, late=late)
    whole = run(tmp_path / "whole", log, EveryPeriod(n), checkpoint_every=every)
    assert whole.model.item_table.policy.expired + whole.model.user_table.policy.expired  # rows do change hands
    with pytest.raises(Killed):
        run(tmp_path / "cut", log, KilledTrigger(killed_in, n), checkpoint_every=every)
    resumed = run(tmp_path / "cut", log, EveryPeriod(n), checkpoint_every=every)
    assert_same(left(tmp_path / "cut", resumed), left(tmp_path / "whole", whole))


@pytest.mark.parametrize(
    "parts",
    [
        lambda: {"ids": False},
        lambda: {"fusion": Gated(), "id_dropout": 0.3, "new_items": "zero"},
        pytest.param(lambda: {"fusion": Mlp(dropout=0.1)}, marks=pytest.mark.slow),
    ],
    ids=["texts", "gated", "mlp"],
)
def test_with_other_parts_of_items(tmp_path, parts):
    log = make_shop(days=45)
    whole = run(tmp_path / "whole", log, EveryPeriod(), parts())
    with pytest.raises(Killed):
        run(tmp_path / "cut", log, KilledTrigger(4), parts())
    resumed = run(tmp_path / "cut", log, EveryPeriod(), parts())
    assert_same(left(tmp_path / "cut", resumed), left(tmp_path / "whole", whole))


def assert_same(one, two):
    """The same table, and the same arrays bit for bit."""
    (table, arrays), (expected, values) = one, two
    assert table == expected
    assert len(arrays) == len(values)
    for array, value in zip(arrays, values, strict=True):
        np.testing.assert_array_equal(array, value)
