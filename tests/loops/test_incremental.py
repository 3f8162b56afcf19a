import numpy as np
import pytest
import tf_keras

from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.baselines.frozen import Frozen
from tfrec.baselines.popularity import Popularity
from tfrec.baselines.stale import Stale
from tfrec.checkpoint import Checkpoints
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.data.truth import LeakError
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.learner import Learner
from tfrec.loops.incremental import Incremental
from tfrec.loops.state import StreamState
from tfrec.metrics.prequential import PrequentialEvaluator
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod


def make_state(stream, baselines=None, **options):
    model = make_model(**options)
    return StreamState(stream, model, Learner(model, tf_keras.optimizers.Adagrad(0.3)), baselines or {})


def run(folder, stream=None, state=None, trigger=None, **options):
    stream = stream or Stream(make_interactions(days=50, per_day=40))
    state = state or make_state(stream)
    tracker = Tracker(folder, {"name": "toy", "seed": 0}, "ndcg@5")
    loop = Incremental(**{"base": 3, "batch_size": 64} | options)
    loop.run(state, trigger or EveryPeriod(), Evaluator(["ndcg@5"]), tracker, Checkpoints(folder / "checkpoints"))
    return state, tracker


def test_every_period_is_scored_before_it_is_learned_from(tmp_path):
    """What is known at each scoring ends before the period; what is known at each update ends with it."""
    stream = Stream(make_interactions(days=50, per_day=40))
    state, seen = make_state(stream), []

    class Spy(Popularity):
        def score(self, history, users):
            seen.append(("score", len(history), state.learner.newest))
            return super().score(history, users)

    state.baselines["spy"] = Spy()
    learn = state.learn
    state.learn = lambda periods, *rest: (seen.append(("learn", periods, state.history.newest)), learn(periods, *rest))[
        1
    ]
    run(tmp_path, stream, state)
    newest = [stream[t]["timestamp"].iloc[-1] for t in range(len(stream))]
    expected = [("learn", range(0, 3), newest[2])]
    for t in range(3, len(stream)):
        expected += [("score", t, newest[t - 1]), ("learn", range(t, t + 1), newest[t])]
    assert seen == expected


def test_a_model_that_has_seen_the_period_is_refused(tmp_path):
    stream = Stream(make_interactions())
    state = make_state(stream)
    state.start_baselines = lambda: setattr(state.learner, "newest", stream[4]["timestamp"].iloc[-1])
    with pytest.raises(LeakError, match="the model has seen events of period"):
        run(tmp_path, stream, state)


def test_26_periods_trace_the_step_once_per_capacity(tmp_path):
    """30 users, then items up to 1,600: the item table of 1,024 rows doubles once."""
    events = make_interactions(users=30, items=2400, days=29 * 7 + 1, per_day=40, seed=1).events
    events["item"] = np.arange(len(events)) * 1600 // len(events)
    interactions = type(make_interactions())(events, make_interactions(items=2400).items)
    state, tracker = run(tmp_path, Stream(interactions))
    assert len(tracker.rows) == 26
    assert state.model.item_table.capacity == 2048
    assert state.learner.traces == 2


@pytest.mark.parametrize("window, expected", [(1, [3, 4]), (2, [2, 3]), (None, [0, 0])])
def test_an_update_learns_from_its_window(tmp_path, window, expected):
    stream = Stream(make_interactions(days=36))
    state = make_state(stream)
    learn, starts = state.learn, []
    state.learn = lambda periods, *rest: (starts.append(periods[0]), learn(periods, *rest))[1]
    run(tmp_path, stream, state, window=window)
    assert starts[1:] == expected


def test_a_rarer_update_learns_all_that_is_new(tmp_path):
    stream = Stream(make_interactions(days=58))
    state = make_state(stream)
    learn, learned = state.learn, []
    state.learn = lambda periods, *rest: (learned.append(periods), learn(periods, *rest))[1]
    run(tmp_path, stream, state, trigger=EveryPeriod(2))
    assert learned == [range(0, 3), range(3, 4), range(4, 6), range(6, 8)]


def test_a_base_that_learns_nothing_can_be_resumed(tmp_path):
    whole, _ = run(tmp_path / "whole", base_epochs=0)
    run(tmp_path / "cut", base_epochs=0, last=3)
    resumed, _ = run(tmp_path / "cut", base_epochs=0)
    for one, two in zip(whole.learner.model.variables, resumed.learner.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_rows_are_offered_as_new_once(tmp_path):
    stream = Stream(make_interactions(days=50, per_day=40))
    state, fresh = make_state(stream), []
    update = state.update
    state.update = lambda *args: (fresh.append(update(*args)), fresh[-1])[1]
    run(tmp_path, stream, state, window=None)
    new = [len(u.examples) - u.fresh for u in fresh]
    assert new == [state.examples_in(range(3)), *(len(stream[t]) for t in range(3, len(stream)))]


@pytest.mark.parametrize("n, updated", [(0, []), (1, [3, 4, 5, 6]), (2, [3, 5]), (3, [5])])
def test_the_trigger_decides_when_to_learn(tmp_path, n, updated):
    _, tracker = run(tmp_path, trigger=EveryPeriod(n))
    assert [row["period"] for row in tracker.rows if row["cost/steps"]] == updated


def test_the_budget_counts_rows_that_fill_up_a_batch(tmp_path):
    stream = Stream(make_interactions(days=50, per_day=40))
    _, tracker = run(tmp_path, stream, epochs=2, batch_size=64)
    for row in tracker.rows:
        steps = 2 * -(-len(stream[row["period"]]) // 64)
        assert (row["cost/steps"], row["cost/examples"]) == (steps, 64 * steps)


def test_frozen_keeps_the_weights_and_leaves_the_model_alone(tmp_path):
    stream = Stream(make_interactions(days=50, per_day=40))
    state = make_state(stream, {"frozen": Frozen(), "stale": Stale()})
    alone, _ = run(tmp_path / "alone", stream)
    _, tracker = run(tmp_path / "beside", stream, state)
    for one, two in zip(alone.learner.model.variables, state.learner.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    first, last = tracker.rows[0], tracker.rows[-1]
    for view in ("all", "repeat", "novel"):
        assert first[f"eval/{view}/ndcg@5"] == first[f"baseline/frozen/{view}/ndcg@5"]
        assert first[f"eval/{view}/ndcg@5"] == first[f"baseline/stale/{view}/ndcg@5"]
    assert last["eval/all/ndcg@5"] != last["baseline/frozen/all/ndcg@5"] != last["baseline/stale/all/ndcg@5"]


def test_stale_misses_what_came_later(tmp_path):
    """Items that appear after the base are not in the stale ranking; frozen has them in its."""
    stream = Stream(make_interactions(days=50, per_day=40))
    frozen, stale = Frozen(), Stale()
    state, _ = run(tmp_path, stream, make_state(stream, {"frozen": frozen, "stale": stale}))
    users = Requests(np.arange(3))
    base = len(stale.history.items)
    assert base < len(state.history.items)
    assert stale.score(state.history, users)(slice(0, 3)).shape == (3, base)
    assert frozen.score(state.history, users)(slice(0, 3)).shape == (3, len(state.history.items))


@pytest.mark.parametrize("base, last", [(0, None), (99, None), (3, 99), (5, 4)])
def test_a_range_outside_of_the_stream_is_refused(tmp_path, base, last):
    with pytest.raises(InputError, match="choose 0 < base <= last"):
        run(tmp_path, base=base, last=last)


def test_an_evaluator_that_does_not_rank_is_refused(tmp_path):
    state = make_state(Stream(make_interactions()))
    with pytest.raises(InputError, match="choose evaluate=ranking"):
        Incremental(base=3).run(state, EveryPeriod(), PrequentialEvaluator(), None, None)


def test_other_data_than_the_checkpoint_s_is_refused(tmp_path):
    run(tmp_path, Stream(make_interactions(days=50, per_day=40)), last=4)
    with pytest.raises(InputError, match="was written from other data"):
        run(tmp_path, Stream(make_interactions(days=50, per_day=40, seed=9)))


def test_a_run_goes_on_in_a_folder_whose_name_has_brackets(tmp_path):
    """Sweeps over lists make such folders: strategy=[replay]."""
    folder = tmp_path / "strategy=[a,b]"
    stream = Stream(make_interactions(days=50, per_day=40))
    whole, _ = run(folder, stream)
    again, tracker = run(folder, stream)  # from the newest checkpoint: there is nothing left to do
    assert len(tracker.rows) == len(stream) - 3
    np.testing.assert_array_equal(again.model.item_table.table.numpy(), whole.model.item_table.table.numpy())
