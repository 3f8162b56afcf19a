"""Generative retrieval along a stream: resumed bit for bit, and blind for what comes later."""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.test_generative import asked, made, state_of
from tests.shop import make_shop, make_state
from tests.test_resume_stream import Killed, KilledTrigger
from tfrec.checkpoint import Checkpoints
from tfrec.data.interactions import validated
from tfrec.evaluate import Evaluator
from tfrec.loops.incremental import Incremental
from tfrec.memories.reservoir import Reservoir
from tfrec.strategies.replay import Replay
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod


def run(folder, trigger):
    tf.config.experimental.enable_op_determinism()  # as every run does: sums of threads end in another order each time
    state = make_state(
        make_shop(days=45), made(dropout=0.2, beam=10), strategies=[Replay(Reservoir(size=60))], steps=[]
    )
    tracker = Tracker(folder, {"name": "shop", "seed": 5}, "ndcg@5")
    evaluator, checkpoints = Evaluator(["ndcg@5"]), Checkpoints(folder / "checkpoints")
    Incremental(base=2, batch_size=32).run(state, trigger, evaluator, tracker, checkpoints)
    return state


@pytest.mark.slow
@pytest.mark.parametrize("killed_in", [2, 4])
def test_killed_and_resumed(tmp_path, killed_in):
    """In the first period after the base, and in a later one; ids and books are among the variables."""
    whole = run(tmp_path / "whole", EveryPeriod())
    with pytest.raises(Killed):
        run(tmp_path / "cut", KilledTrigger(killed_in))
    resumed = run(tmp_path / "cut", EveryPeriod())
    assert (tmp_path / "cut/stream.csv").read_bytes() == (tmp_path / "whole/stream.csv").read_bytes()
    kept, expected = ([*s.model.variables, *s.learner.optimizer.variables] for s in (resumed, whole))
    assert len(kept) == len(expected) and {"books:0", "codes/table:0"} <= {variable.name for variable in kept}
    for one, two in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_the_trie_follows_the_ids_that_a_checkpoint_brings():
    """Items whose ids change places are found in each other's place."""
    state = state_of()
    model, (_, features) = state.model, asked(state)
    empty = {key: np.where(key == "history_weight", 0, values).astype(values.dtype) for key, values in features.items()}
    before = model.best(empty)[0][0]
    ids = model.ids.all
    ids[[0, 1]] = ids[[1, 0]]
    model.ids.table.assign(np.arange(len(ids)), ids)
    changed = np.where(before == 0, 1, np.where(before == 1, 0, before))
    n = len(ids)
    np.testing.assert_array_equal(model.best(empty)[0][0][:n], changed[:n])


def test_what_comes_later_changes_neither_ids_nor_scores():
    log = make_shop(late=False)
    events = log.events.copy()
    later = events["timestamp"] >= events["timestamp"].iloc[0].normalize() + np.timedelta64(28, "D")
    rng = np.random.default_rng(0)
    for column in ("item", "query"):
        events.loc[later, column] = rng.permutation(events.loc[later, column].to_numpy())
    other = validated(events, log.items, "permuted", changes=log.changes, users=log.users)
    states = [state_of(log=one) for one in (log, other)]
    for state in states:
        state.learn(range(3), 2, 32)
    scores = [state.model.score(state.history, asked(state)[0])(slice(0, 50)) for state in states]
    np.testing.assert_array_equal(states[0].model.ids.all, states[1].model.ids.all)
    np.testing.assert_array_equal(*scores)
