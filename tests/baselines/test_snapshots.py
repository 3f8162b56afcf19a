"""Means of what the last weights say, against weights kept by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.loops.test_incremental import make_state, run
from tests.toy import make_interactions
from tfrec.baselines.frozen import Frozen
from tfrec.baselines.snapshots import Snapshots
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.models.weights import Weights
from tfrec.trigger.every_period import EveryPeriod


def a_stream():
    return Stream(make_interactions(days=50, per_day=40))


def column(tracker, name, metric="all/ndcg@5"):
    return [row[f"{name}/{metric}"] for row in tracker.rows]


def test_scores_are_the_mean_of_what_the_last_weights_say():
    """From period 4 on no id is new, so weights kept by hand can be put back as they are."""
    snapshots = Snapshots(last=3)
    state = make_state(a_stream(), {"snapshots": snapshots})
    requests, by_hand = Requests(np.array([0, 3, 5])), []
    for t in range(4):
        state.observe(t)
    state.learn(range(4), 1, 64)
    state.start_baselines()
    for t in range(4, 7):
        found = snapshots.score(state.history, requests)(slice(0, 3))
        by_hand = [*by_hand, Weights(state.model)][-3:]
        live, expected = Weights(state.model), []
        for weights in by_hand:
            weights.assign()
            expected.append(state.new_index().score(state.history, requests)(slice(0, 3)).numpy())
        live.assign()
        np.testing.assert_allclose(found, sum(expected) / len(expected), rtol=1e-5, atol=1e-6)
        again = snapshots.score(state.history, requests)(slice(0, 3))
        np.testing.assert_array_equal(again, found)  # asked twice between updates, it takes nothing more
        state.observe(t), state.learn(range(t, t + 1), 1, 64)
    assert len(by_hand) == 3 and np.abs(expected[0] - expected[2]).max() > 1e-3


def test_the_last_weights_alone_are_the_model_which_stays_as_it_is(tmp_path):
    alone, _ = run(tmp_path / "alone", a_stream())
    state, tracker = run(tmp_path / "beside", a_stream(), make_state(a_stream(), {"snapshots": Snapshots(1)}))
    assert column(tracker, "baseline/snapshots") == pytest.approx(column(tracker, "eval"), abs=1e-6)
    for one, two in zip(alone.learner.model.variables, state.learner.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_without_updates_it_is_frozen_for_new_ids_too(tmp_path):
    baselines = {"snapshots": Snapshots(3), "frozen": Frozen()}
    _, tracker = run(tmp_path, a_stream(), make_state(a_stream(), baselines), EveryPeriod(0))
    for view in ("all", "novel"):
        found = column(tracker, "baseline/snapshots", f"{view}/ndcg@5")
        assert found == pytest.approx(column(tracker, "baseline/frozen", f"{view}/ndcg@5"), abs=1e-6, nan_ok=True)


def test_a_resumed_run_has_the_snapshots_of_the_whole_one(tmp_path):
    def baselines():
        return {"snapshots": Snapshots(2)}

    whole, tracker = run(tmp_path / "whole", a_stream(), make_state(a_stream(), baselines()))
    run(tmp_path / "cut", a_stream(), make_state(a_stream(), baselines()), last=4)
    resumed, again = run(tmp_path / "cut", a_stream(), make_state(a_stream(), baselines()))
    assert column(tracker, "baseline/snapshots") == column(again, "baseline/snapshots")
    assert column(tracker, "baseline/snapshots") != column(tracker, "eval")
    states = [state.baselines["snapshots"].state() for state in (whole, resumed)]
    assert states[0].keys() == states[1].keys() and states[0]["periods"].tolist() == [4, 5]
    for key, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][key], err_msg=key)


def test_no_snapshot_at_all_is_a_sentence():
    with pytest.raises(InputError, match="baseline.snapshots.last is 0: choose 1 or more updates"):
        Snapshots(0)


def test_a_model_without_towers_is_a_sentence():
    with pytest.raises(InputError, match="has no two towers"):
        Snapshots().begin(SimpleNamespace(model=object()))
