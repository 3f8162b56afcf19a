"""Lists of own items, by hand and as of before their period."""

import numpy as np
import pytest

from tests.baselines.histories import history_of, observed, two_futures
from tfrec.data.requests import Requests
from tfrec.ranking.features import USER, PairFeatures
from tfrec.ranking.list_features import squashed
from tfrec.ranking.own_lists import OwnLists

# User 0: item row 0 three times, rows 1 and 2 once, row 2 later. User 1: row 3 twice.
HISTORY = history_of([(0, 0), (0, 1)], [(0, 0), (0, 2), (1, 3)], [(0, 0), (1, 3)])


def observing(own=2, window=2, history=HISTORY):
    lists = OwnLists(own, window)
    lists.observe(history, None)
    return lists


def test_the_most_frequent_own_items_come_in_the_order_of_rows():
    # Frequency with decay 0.98 at t = 3: row 0 the most, row 2 0.98, row 1 0.98 ** 2, so two places are rows 0 and 2.
    past = observing().past(HISTORY, Requests(np.array([1, 0, -1, 1])))
    assert past["repeat/item"].tolist() == [[3, 0], [0, 2], [0, 0], [3, 0]]
    assert past["repeat/size"].tolist() == [1, 2, 0, 1]
    features = PairFeatures(HISTORY)
    np.testing.assert_array_equal(past["repeat/pairs"][1], squashed(features(np.array([0, 0]), np.array([0, 2]))))
    assert not past["repeat/pairs"][0, 1].any() and not past["repeat/pairs"][2].any()
    # user 0: 3 active periods, 3 items, 5 purchases, the last one period ago, of which 2 were repeats
    of_user = np.log1p([3, 3, 5 / 3, 1, 2 / 5])
    np.testing.assert_allclose(past["repeat/user"][1], of_user, rtol=1e-6)
    assert len(USER) == 5 and not past["repeat/user"][2].any()


def test_popularity_is_of_the_last_periods_up_to_now():
    np.testing.assert_array_equal(observing(window=2).popularity, [2, 0, 1, 2])
    np.testing.assert_array_equal(observing(window=1).popularity, [1, 0, 0, 1])
    # purchases fade by half: row 0 was bought in all three periods, row 1 two periods ago, row 2 one, row 3 in 0 and 1
    lists = OwnLists(2, 9, fade=0.5)
    lists.observe(HISTORY, None)
    np.testing.assert_array_equal(lists.popularity, [1 + 0.5 + 0.25, 0.25, 0.5, 1 + 0.5])


def test_an_event_is_a_repeat_if_its_item_is_in_the_list():
    lists = observing()
    for before in (0, 3):  # numbers of lists go on from period to period
        queries = lists.past(HISTORY, Requests(np.array([1, 0, -1])))
        pairs = {"query": np.array([0, 0, 1, 1, 2]), "item": np.array([3, 0, 1, 2, 0], np.int32)}
        pairs, queries = lists.examples(pairs, queries)
        # row 1 was bought by user 0, but has no place in the list of two
        assert pairs["label/repeat/novel"].tolist() == [0, 1, 1, 0, 1]
        assert queries["repeat/request"].tolist() == [before, before + 1, before + 2]
        assert queries.keys() == {"repeat/request", "repeat/user"}  # and not the large ones
    assert lists.pair_moments.count == 2 * 3 and lists.user_moments.count == 2 * 2


def test_what_is_learned_of_a_list():
    lists = observing(own=3)
    queries = lists.past(HISTORY, Requests(np.array([0, 1])))
    lists.examples({"query": np.array([0, 0, 1]), "item": np.array([2, 0, 0], np.int32)}, queries)
    found = lists.learned(np.array([0, 1]))
    assert found["repeat/label"].tolist() == [[1, 0, 1], [0, 0, 0]]
    assert found["repeat/mask"].tolist() == [[1, 1, 1], [0, 0, 0]]  # user 1 bought nothing again: nothing is kept
    whole = lists.past(HISTORY, Requests(np.array([0])))["repeat/pairs"]
    np.testing.assert_allclose(found["repeat/pairs"][:1], lists.pair_moments(whole), atol=0.02)  # kept in float16
    np.testing.assert_allclose(found["repeat/pairs"][0].mean(axis=0), 0, atol=1e-2)


def test_places_of_own_items_among_candidates():
    lists = observing(own=3)
    queries = lists.past(HISTORY, Requests(np.array([0, 1, -1])))
    lists.examples({"query": np.array([0]), "item": np.array([9], np.int32)}, queries)
    places = lists.columns_of(np.array([1, 0, 0, 2]), np.array([9, 3, 0, 2]))
    assert places.tolist() == [[1, -1, -1], [2, -1, 3], [2, -1, 3], [-1, -1, -1]]


@pytest.mark.parametrize("change", ["permuted", "cut off"])
def test_lists_know_nothing_of_later_periods(change):
    found = []
    for stream in two_futures(change):
        history, lists = observed(stream, 4), OwnLists(6, 2)
        lists.observe(history, stream.items)
        found.append(lists.past(history, Requests(np.arange(-1, len(history.users)))) | {"all": lists.popularity})
    for key, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][key])
