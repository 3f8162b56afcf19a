"""Item-based neighbours against loops over pairs of items."""

import numpy as np
import pytest

from tests.baselines.histories import history_of, observed
from tfrec.baselines import item_knn
from tfrec.baselines.item_knn import ItemKnn
from tfrec.data.requests import Requests
from tfrec.errors import InputError


def looped(history, neighbours, damping):
    """Similarities `[items, items]`, the nearest kept in each row; of equal ones the item seen first."""
    n = len(history.items)
    users = [set() for _ in range(n)]
    for t in range(len(history)):
        for user, item in zip(*history.pairs(t), strict=True):
            users[item].add(user)
    kept = np.zeros((n, n), np.float32)
    for i in range(n):
        similar = np.zeros(n, np.float32)
        for j in set(range(n)) - {i}:
            similar[j] = len(users[i] & users[j]) / (np.sqrt(len(users[i]) * len(users[j])) + damping)
        nearest = sorted(range(n), key=lambda j: (-similar[j], j))[:neighbours]  # noqa: B023  used at once
        kept[i, nearest] = similar[nearest]
    return kept


@pytest.mark.parametrize("neighbours, damping", [(1, 10), (3, 0), (5, 10), (100, 2.5)])
def test_similarities_against_loops(stream, neighbours, damping, monkeypatch):
    monkeypatch.setattr(item_knn, "BLOCK", 7)
    history = observed(stream, 5)
    found = ItemKnn(neighbours, damping).similarities(history)
    np.testing.assert_allclose(found.toarray(), looped(history, neighbours, damping), rtol=1e-6)
    assert np.diff(found.indptr).max() <= neighbours


def test_scores_written_out():
    """7 and 8 share user 1 of two each: 1 / (2 + 10); 7 and 9 share user 2, 9 has one: 1 / (sqrt(2) + 10)."""
    history = history_of([(1, 7), (1, 8), (2, 7), (3, 8)], [(1, 7), (2, 9), (4, 6)])
    scores = ItemKnn().score(history, Requests(np.array([0, -1])))(slice(None))
    eight, nine = 1 / 12, 1 / (np.sqrt(2) + 10)
    # user 1 has 7 and 8: each finds the other, 7 finds 9, nothing finds 6, which has popularity 1 of at most 3
    np.testing.assert_allclose(scores[0], [eight, eight, nine, 1 / 4 - 1], rtol=1e-6)
    np.testing.assert_allclose(scores[1], np.array([3, 2, 1, 1]) / 4 - 1)


def test_only_the_last_periods_count():
    """Period 0: users 1 and 2 buy 5 and 6. Period 1: user 1 buys 7 and 8, user 3 buys 7 twice, and 8.

    Of period 1 alone, 7 and 8 have both their users in common: 2 / (2 + 2). User 2 has bought nothing then. Of all
    periods, user 1 also has 5 and 6, each of them bought by one of two users of 7: 1 / (2 + 2).
    """
    history = history_of([(1, 5), (1, 6), (2, 5), (2, 6)], [(1, 7), (1, 8), (3, 7), (3, 7), (3, 8)])
    requests = Requests(history.users.rows([1, 2, 3]))
    recent, both, whole = (ItemKnn(damping=2, last=n).score(history, requests)(slice(None)) for n in (1, 2, None))
    np.testing.assert_allclose(recent[[0, 2], 2:], 1 / 2)
    assert (recent[[0, 2], :2] < 0).all() and (recent[1] < 0).all()
    np.testing.assert_allclose(whole[0], 1 / 2 + 2 * 1 / 4)
    np.testing.assert_allclose(whole[1], [1 / 2, 1 / 2, 2 * 1 / 4, 2 * 1 / 4])
    np.testing.assert_array_equal(both, whole)


def test_between_fits_purchases_are_known_and_similarities_are_not(stream):
    """Fitted on three periods, then asked with five: own purchases of now, times the old similarities."""
    history, baseline, requests = observed(stream, 3), ItemKnn(neighbours=5, every=4), Requests(np.arange(4))
    baseline.score(history, requests)
    old = looped(history, 5, 10)
    history.observe(stream[3]), history.observe(stream[4])
    scores = baseline.score(history, requests)(slice(None))
    own = (history.frequency().toarray() > 0)[:4]
    expected = np.zeros((4, len(history.items)))
    expected[:, : len(old)] = own[:, : len(old)] @ old
    assert scores.shape == expected.shape and len(history.items) > len(old)
    np.testing.assert_allclose(scores[expected > 0], expected[expected > 0], rtol=1e-5)
    assert (scores[expected == 0] < 0).all()


@pytest.mark.parametrize("option", [{"neighbours": 0}, {"damping": -1}, {"last": 0}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(InputError, match=f"item_knn.{next(iter(option))} is"):
        ItemKnn(**option)
