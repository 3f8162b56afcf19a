"""Lists of past periods: what was known before them, and what was bought in them."""

import numpy as np
import pytest

from tfrec.baselines.popularity import Popularity
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.ranking.candidates import Candidates
from tfrec.ranking.lists import lists, past_lists

CANDIDATES = Candidates(own=6, popular=5, best=4, recent=Popularity(1))


def observed(stream, periods):
    history = History()
    for t in range(periods):
        history.observe(stream[t])
    return history


@pytest.mark.parametrize("t", [1, 3])
def test_lists_of_the_past_are_those_of_back_then(stream, t):
    """By raw ids, since a history that ends before t numbers nobody who came in t."""
    whole, before = observed(stream, 5), observed(stream, t)
    past = past_lists(whole, t, CANDIDATES, stream.items)
    users = np.unique(whole.pairs(t)[0])
    known = np.where(users < len(before.users), users, -1)
    then = lists(before, Requests(known), CANDIDATES, stream.items)
    assert past.names == then.names and past.names[-1] == "recent"
    for name in ("requests", "items", "features"):
        np.testing.assert_array_equal(getattr(past, name), getattr(then, name))
    bought = set(zip(stream[t]["user"], stream[t]["item"], strict=True))
    ids = zip(whole.users.ids[users[past.requests]], whole.items.ids[past.items], strict=True)
    assert past.labels.tolist() == [pair in bought for pair in ids]
    assert 0 < past.labels.sum() < len(past.labels)


def test_what_comes_later_changes_nothing(stream):
    one, two = (past_lists(observed(stream, periods), 2, CANDIDATES, stream.items) for periods in (3, 5))
    for name in ("requests", "items", "features", "labels"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_scores_are_the_last_features(stream):
    history = observed(stream, 3)
    found = lists(history, Requests(np.array([1, 2])), CANDIDATES)
    np.testing.assert_array_equal(found.features[:, -1], history.popularity(1)[found.items])
    assert found.labels is None and found.features.shape == (len(found.items), len(found.names))
