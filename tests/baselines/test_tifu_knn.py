"""TIFU-KNN written out for one user, and by loops over baskets and users."""

import numpy as np
import pytest

from tests.baselines.histories import history_of, observed
from tfrec.baselines.tifu_knn import TifuKnn
from tfrec.data.requests import Requests
from tfrec.errors import InputError


def test_the_vector_of_a_user_written_out():
    """Five baskets in two groups, three and two; of the second group the older basket has basket decay 0.5."""
    history = history_of([(1, 7)], [(2, 7)], [(1, 8)], [(1, 7), (1, 9)], [(1, 9)], [(1, 9)])
    vector = TifuKnn(groups=2, basket_decay=0.5, group_decay=0.8).vectors(history).toarray()[0]
    seven = (0.8 * (0.25 + 1) / 3) / 2  # first and third basket of the older group
    eight = (0.8 * 0.5 / 3) / 2
    nine = (0.8 * 1 / 3 + (0.5 + 1) / 2) / 2
    np.testing.assert_allclose(vector, [seven, eight, nine])


def test_longer_groups_are_spread_over_time():
    """Six baskets in four groups: floor(p 4 / 6) = 0, 0, 1, 2, 2, 3."""
    history = history_of(*([(1, item)] for item in range(6)))
    vector = TifuKnn(groups=4, group_decay=0.5).vectors(history).toarray()[0]
    np.testing.assert_allclose(vector, np.array([1 / 8 / 2, 1 / 8 / 2, 1 / 4, 1 / 2 / 2, 1 / 2 / 2, 1]) / 4)


def looped(history, user, groups, basket_decay, group_decay, neighbours, alpha):
    """`{item: score}` by loops; basket p of n is in group g where g <= p k / n < g + 1."""

    def vector(u):
        baskets = [np.unique(history.pairs(t)[1][history.pairs(t)[0] == u]) for t in range(len(history))]
        baskets = [basket for basket in baskets if len(basket)]
        total = np.zeros(len(history.items))
        n, k = len(baskets), min(groups, len(baskets))
        runs = [[p for p in range(n) if g * n <= p * k < (g + 1) * n] for g in range(k)]
        for age, run in enumerate(reversed(runs)):
            mean = np.zeros(len(total))
            for later, number in enumerate(reversed(run)):
                mean[baskets[number]] += basket_decay**later / len(run)
            total += group_decay**age * mean / len(runs)
        return total

    own = vector(user)
    others = sorted((np.sum((own - vector(u)) ** 2), u) for u in range(len(history.users)) if u != user)
    return alpha * own + (1 - alpha) * np.mean([vector(u) for _, u in others[:neighbours]], axis=0)


@pytest.mark.parametrize("groups, neighbours, alpha", [(3, 4, 0.5), (7, 1, 0.2), (1, 100, 0.9)])
def test_scores_against_loops(stream, groups, neighbours, alpha):
    history = observed(stream, 5)
    options = {"groups": groups, "basket_decay": 0.7, "group_decay": 0.9, "neighbours": neighbours, "alpha": alpha}
    users = np.array([4, 0, 9])
    scores = TifuKnn(**options).score(history, Requests(users))(slice(None))
    for row, user in zip(scores, users, strict=True):
        expected = looped(history, user, **options)
        listed = expected > 0
        np.testing.assert_allclose(row[listed], expected[listed], rtol=1e-5)
        assert (row[~listed] < 0).all()


def test_what_nobody_near_bought_follows_by_popularity():
    """Users 1 and 2 share item 7; 3 is far from both and bought 8, 4 and 5 bought 9. One neighbour: 2."""
    history = history_of([(1, 7), (2, 7), (3, 8), (3, 10), (4, 9), (5, 9)])
    scores = TifuKnn(neighbours=1).score(history, Requests(np.array([0, -1])))(slice(None))
    assert scores[0].argsort()[::-1][:2].tolist() == [0, 3] and scores[0, 0] == 1
    # rows 7, 8, 10, 9 with popularity 2, 1, 1, 2, of at most 2, for the user never seen
    np.testing.assert_allclose(scores[1], np.array([2, 1, 1, 2]) / 3 - 1)


def test_a_single_user_has_no_neighbours():
    scores = TifuKnn(alpha=0.5).score(history_of([(1, 7)], [(1, 8)]), Requests(np.array([0])))(slice(None))
    np.testing.assert_allclose(scores, [[0.5 * 0.9 / 2, 0.5 * 1 / 2]])


@pytest.mark.parametrize("option", [{"groups": 0}, {"neighbours": 0}, {"alpha": 1.5}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(InputError, match=f"tifu_knn.{next(iter(option))} is"):
        TifuKnn(**option)
