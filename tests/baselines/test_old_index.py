"""Queries of today against vectors of some updates ago, multiplied by hand."""

import numpy as np
import pytest

from tests.loops.test_incremental import make_state
from tests.toy import make_interactions
from tfrec.baselines.old_index import OldIndex
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.models.scoring import Towers


@pytest.mark.parametrize("every, built", [(1, [4, 5, 6]), (2, [4, 4, 6]), (None, [4, 4, 4])])
def test_items_are_those_of_the_last_rebuild_and_queries_those_of_now(every, built):
    """From period 4 on no id is new. `built`: the period before which each period's index was made."""
    index = OldIndex(every)
    state = make_state(Stream(make_interactions(days=50, per_day=40)), {"old_index": index})
    requests, vectors = Requests(np.array([0, 3, 5])), {}
    for t in range(4):
        state.observe(t)
    state.learn(range(4), 1, 64)
    state.start_baselines()
    towers, features = Towers(state.model), state.model.features
    for t, made in zip(range(4, 7), built, strict=True):
        candidates = features.candidates(state.history, np.arange(len(state.history.items)))
        vectors[t] = towers.candidates(state.model.table_rows(candidates)).numpy()
        asked = features.users(state.history, requests) | features.past(state.history, requests)
        found = index.score(state.history, requests)(slice(0, 3))
        np.testing.assert_allclose(found, towers.queries(asked).numpy() @ vectors[made].T, rtol=1e-4, atol=1e-5)
        assert index.lag == t - made
        state.observe(t), state.learn(range(t, t + 1), 1, 64)
    assert np.abs(vectors[4] - vectors[6]).max() > 1e-2


def test_an_update_that_learns_in_parts_is_one():
    index = OldIndex(2)
    state = make_state(Stream(make_interactions(days=50, per_day=40)), {"old_index": index})
    for t in range(4):
        state.observe(t)
    state.learn(range(4), 1, 64)
    state.start_baselines()
    lags = []
    for t in range(4, 7):
        index.score(state.history, Requests(np.array([0])))
        lags.append(index.lag)
        state.observe(t)
        for part in (range(t - 2, t - 1), range(t - 1, t), range(t, t + 1)):
            state.learn(part, 1, 64)
    assert lags == [0, 1, 0]


@pytest.mark.parametrize("every", [0, 1.5])
def test_no_whole_number_of_updates_is_a_sentence(every):
    with pytest.raises(InputError, match=rf"baseline\.old_index\.every is {every}: choose a whole number, 1 or more"):
        OldIndex(every)
