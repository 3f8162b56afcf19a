"""What an older baseline knows, and that a run which goes on after a stop refreshes when the whole one did."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.baselines.histories import history_of, observed
from tfrec.baselines.decayed_frequency import DecayedFrequency
from tfrec.baselines.popularity import Popularity
from tfrec.baselines.refreshed import Periodic, Refreshed
from tfrec.baselines.running_mean import RunningMean
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import InputError


def all_users(history):
    return Requests(np.arange(-1, len(history.users)))


@pytest.mark.parametrize("every, known", [(1, [1, 2, 3, 4, 5]), (2, [1, 1, 3, 3, 5]), (None, [1, 1, 1, 1, 1])])
def test_it_gives_what_the_baseline_gave_at_the_last_refresh(stream, every, known):
    """Scored with 1, 2, ... periods of history, it is the baseline on the first `known` of them."""
    history, refreshed = History(), Refreshed(Popularity(None), every)
    for t in range(5):
        history.observe(stream[t])
        old = observed(stream, known[t])
        requests = all_users(history)
        expected = Popularity(None).score(old, requests)(slice(None))
        np.testing.assert_array_equal(refreshed.score(history, requests)(slice(None)), expected)


def test_who_came_later_is_unknown_to_it():
    history = history_of([(1, 5), (1, 5), (2, 6), (3, 6)])
    refreshed = Refreshed(DecayedFrequency())
    refreshed.start(SimpleNamespace(history=history))
    nobody = refreshed.score(history, Requests(np.array([-1])))(slice(None))
    history.observe(pd.DataFrame({"user": [4], "item": [7], "timestamp": pd.Timestamp("2024-01-08")}))
    late = refreshed.score(history, Requests(np.array([3])))(slice(None))
    np.testing.assert_array_equal(late, nobody)
    assert late.shape == (1, 2)  # without the item that came later


@pytest.mark.parametrize("every", [2, 3, None])
def test_a_resumed_run_refreshes_when_the_whole_one_did(stream, every):
    """Both start after two periods; the second is built anew before the fifth, which is no refresh."""
    whole, resumed = (Refreshed(DecayedFrequency(share=4), every) for _ in range(2))
    one, two = observed(stream, 2), observed(stream, 2)
    whole.start(SimpleNamespace(history=one)), resumed.start(SimpleNamespace(history=two))
    for t in range(2, 5):
        whole.score(one, all_users(one))
        one.observe(stream[t]), two.observe(stream[t])
    requests = all_users(one)
    scores = [r.score(h, requests)(slice(None)) for r, h in ((whole, one), (resumed, two))]
    np.testing.assert_array_equal(*scores)


def test_things_are_made_once_until_they_are_due(stream):
    made = []
    thing, history = Periodic(lambda history: made.append(len(history)), every=2), History()
    for t in range(5):
        history.observe(stream[t])
        thing(history), thing(history)
    assert made == [1, 3, 5]


def test_the_last_ones_asked_for_are_kept(stream):
    """Two are kept: 3 is made anew, since 5 and 4 were asked for after it; then 4 stays and 5 goes."""
    made, history = [], observed(stream, 5)
    thing = Periodic(lambda history: made.append(len(history)) or len(history), kept=2)
    assert [thing(history.until(t)) for t in (3, 5, 4, 5, 4, 3, 4, 5)] == [3, 5, 4, 5, 4, 3, 4, 5]
    assert made == [3, 5, 4, 3, 5]


def test_a_period_of_none_is_refused():
    with pytest.raises(InputError, match="every is 0: choose 1 or more"):
        Refreshed(Popularity(), 0)


def test_what_does_not_go_by_the_history_alone_is_refused():
    with pytest.raises(InputError, match="cannot be of RunningMean"):
        Refreshed(RunningMean(), 4)
