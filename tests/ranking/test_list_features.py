"""Lists of requests, and the examples that are made of them."""

import numpy as np
import pandas as pd
import pytest

from tests.baselines.histories import history_of, observed, two_futures
from tfrec.baselines.item_knn import ItemKnn
from tfrec.baselines.popularity import Popularity
from tfrec.data.features import TowerFeatures
from tfrec.data.requests import Requests
from tfrec.errors import InputError
from tfrec.ranking.candidates import Candidates
from tfrec.ranking.list_features import ListFeatures, squashed
from tfrec.ranking.lists import lists, past_lists


def make(length=6, seed=0, most=20, **sources):
    return ListFeatures(Candidates(own=most, popular=most, best=0, **sources), TowerFeatures(4), length, seed)


def made_up(requests=3, candidates=9, most=12):
    """Lists of items 10, 20, ...; the feature of a candidate is its item, and of padding -1."""
    item = np.tile(10 * np.arange(1, most + 1, dtype=np.int32), (requests, 1))
    size = np.full(requests, candidates, np.int32)
    item[:, candidates:] = 0
    pairs = np.where(np.arange(most) < candidates, item, -1)[..., None].astype(np.float32)
    return {"list_item": item, "list_pairs": pairs, "list_size": size, "user": np.arange(requests)}


# Request 0 bought items 20 and 50 (and 99, which is no candidate), request 1 nothing of its list, request 2 item 90.
BOUGHT = {"query": np.array([0, 0, 0, 1, 2]), "item": np.array([20, 50, 99, 99, 90], np.int32)}


def examples(features, period=3, pairs=BOUGHT, **options):
    return features.examples(period, dict(pairs), made_up(**options))


def test_an_example_has_all_that_was_bought_and_draws_the_rest():
    pairs, rows = examples(make(length=5))
    assert pairs["query"].tolist() == [0, 1] and rows["user"].tolist() == [0, 2]  # request 1 teaches no order
    assert pairs["item"].tolist() == [20, 90]  # the first of each that was bought
    assert rows["list_mask"].all() and rows["list_item"].shape == (2, 5)
    for items, labels, bought in zip(rows["list_item"], rows["list_label"], ({20, 50}, {90}), strict=True):
        assert set(items[labels > 0]) == bought and len(set(items)) == 5 and set(items) <= set(range(10, 91, 10))
    np.testing.assert_array_equal(rows["list_pairs"][..., 0], rows["list_item"])


def test_the_others_are_drawn_evenly():
    """Of 7 others (request 0) 3 are drawn: each with probability 3 / 7."""
    features = make(length=5)
    drawn = np.concatenate([examples(features, t)[1]["list_item"][0] for t in range(3000)])
    counts = np.bincount(drawn // 10, minlength=10)[1:]
    assert counts[[1, 4]].tolist() == [3000, 3000]
    np.testing.assert_allclose(np.delete(counts, [1, 4]) / 3000, 3 / 7, atol=0.04)


def test_the_order_of_a_list_tells_nothing_of_its_labels():
    """Candidates stay in the order of the request's list, whichever were bought."""
    for period in range(20):
        assert (np.diff(examples(make(length=5), period)[1]["list_item"], axis=1) > 0).all()


def test_a_short_list_is_padded_behind_and_padding_is_never_a_label():
    """A purchase of item 0, which is what padding holds, makes no padded place a positive."""
    for length in (11, 15):
        pairs = {"query": np.array([0, 0]), "item": np.array([30, 0], np.int32)}
        rows = examples(make(length=length), pairs=pairs)[1]
        assert rows["list_mask"].tolist() == [[1] * 9 + [0] * (length - 9)]
        assert rows["list_label"].sum() == 1 and rows["list_item"].shape[1] == length


def test_more_bought_than_fit_are_drawn_too():
    bought = {"query": np.zeros(4, int), "item": np.array([10, 20, 30, 40], np.int32)}
    rows = examples(make(length=3), pairs=bought)[1]
    assert rows["list_label"].tolist() == [[1, 1, 1]] and set(rows["list_item"][0]) < {10, 20, 30, 40}


def test_the_draw_is_a_function_of_seed_and_period():
    draws = [examples(make(5, seed), period)[1]["list_item"] for seed, period in ((0, 3), (0, 3), (1, 3), (0, 4))]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert all((draws[0] != other).any() for other in draws[2:])


def test_moments_are_of_what_was_drawn_and_not_of_padding():
    # Item 10 n of 1 request, all 3 candidates in an example of 5: mean 20 of 10, 20, 30, deviation sqrt(200 / 3)
    features = make(length=5)
    examples(features, pairs={"query": np.array([0]), "item": np.array([20])}, requests=1, candidates=3)
    assert features.moments.count == 3
    np.testing.assert_allclose(features.moments(np.float32([[30]])), 10 / np.sqrt(200 / 3), rtol=1e-6)


def test_a_period_without_a_bought_candidate_gives_no_example():
    features = make()
    pairs, rows = examples(features, pairs={"query": np.array([0]), "item": np.array([99])})
    assert len(pairs["query"]) == len(pairs["item"]) == 0 and features.moments.count == 0
    assert all(len(values) == 0 for values in rows.values()) and rows["list_item"].shape == (0, 6)


def test_labels_are_what_the_history_says_was_bought(stream):
    """An independent way: `past_lists` of a history that has seen the period."""
    features, past = make(length=40, knn=Popularity(1)), observed(stream, 3)
    features.observe(past, stream.items)
    events = stream[3]
    requests, query = Requests.of(events, past)
    queries = features.past(past, requests)
    whole = observed(stream, 4)
    asked = {"query": query, "item": whole.items.rows(events["item"])}
    pairs, rows = features.examples(3, asked, queries | {"id": requests.ids})
    then = past_lists(whole, 3, features.candidates_of, stream.items)
    ids = whole.users.ids[np.unique(whole.pairs(3)[0])]
    found = {(u, i) for u, i, y in zip(ids[then.requests], then.items, then.labels, strict=True) if y}
    told = rows["list_label"] > 0
    users = np.repeat(rows["id"], told.sum(axis=1))
    assert found == set(zip(users, rows["list_item"][told], strict=True)) and found
    assert (rows["list_mask"] >= rows["list_label"]).all()
    values = {(u, i): v for u, i, v in zip(ids[then.requests], then.items, squashed(then.features), strict=True)}
    for row, place in np.argwhere(rows["list_mask"] > 0):
        key = rows["id"][row], rows["list_item"][row, place]
        np.testing.assert_array_equal(rows["list_pairs"][row, place], values[key])


def test_requests_get_their_own_lists_in_whatever_order_they_come(stream):
    features, history = make(knn=ItemKnn()), observed(stream, 3)
    features.observe(history, stream.items)
    users = np.array([5, -1, 0, 3, 3, 2])
    whole = features.past(history, Requests(users))
    for place, user in enumerate(users):
        alone = lists(history, Requests(np.array([user])), features.candidates_of, stream.items)
        size = whole["list_size"][place]
        np.testing.assert_array_equal(whole["list_item"][place, :size], alone.items)
        np.testing.assert_array_equal(whole["list_pairs"][place, :size], squashed(alone.features))
        assert not whole["list_item"][place, size:].any() and not whole["list_pairs"][place, size:].any()


class ByQuery:
    """Scores that depend on what is searched: item row 1 + its length, and on nothing else."""

    def score(self, history, requests):
        places = [1 + len(query) for query in requests.queries]
        return lambda block: np.eye(len(history.items), dtype=np.float32)[places[block]]


def test_the_same_users_with_other_queries_get_other_lists():
    history = history_of([(0, item) for item in range(6)], [(1, 0)])
    features = ListFeatures(Candidates(0, 0, 1, query=ByQuery()), TowerFeatures(0))
    for queries in (["a", "bbb"], ["bbb", "a"], ["cc", ""]):
        found = features.past(history, Requests(np.array([1, 1]), queries=np.array(queries, object)))
        assert found["list_item"][:, 0].tolist() == [1 + len(query) for query in queries]


@pytest.mark.parametrize("change", ["permuted", "cut off"])
def test_another_future_leaves_lists_of_the_past_byte_for_byte(change):
    """Lists of period 3 are asked for before it is known; those that are learned of it come of the same past."""
    found = []
    for stream in two_futures(change):
        features = make(knn=ItemKnn())
        history = observed(stream, 3)
        features.observe(history, stream.items)
        requests, query = Requests.of(stream[3], history)
        queries = features.past(history, requests)
        item = observed(stream, 4).items.rows(stream[3]["item"])
        found.append({**queries, **features.examples(3, {"query": query, "item": item}, dict(queries))[1]})
    assert len(found[0]["list_item"])
    for key, values in found[0].items():
        assert values.tobytes() == found[1][key].tobytes()


def test_squashing_by_hand():
    # sign(x) log(1 + |x|): log(1 + (e - 1)) = 1
    np.testing.assert_allclose(squashed(np.array([0, np.e - 1, 1 - np.e])), [0, 1, -1])


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"length": 1}, "model.features.length is 1: choose 2 or more"),
        ({"most": 0}, "model.features.candidates proposes nothing.*give it one"),
    ],
)
def test_errors_name_what_to_do(wrong, words):
    with pytest.raises(InputError, match=words):
        make(**wrong)


def test_numbers_of_the_item_table_are_features_of_candidates_as_of_now():
    """Users 1 and 2 have items 7 and 8 (rows 0 and 1), at prices of 3 and -0.5; then 7 costs 8, and has no number."""
    features = ListFeatures(Candidates(own=2, popular=0, best=0), TowerFeatures(4, numbers=["price", "mailer"]))
    history = history_of([(1, 7), (1, 8), (2, 8)])
    items = pd.DataFrame({"text": "", "price": [3.0, -0.5], "mailer": [0.0, 1.0]}, index=[7, 8])
    asked = Requests(np.array([0, 1]))
    plain = ListFeatures(Candidates(own=2, popular=0, best=0), TowerFeatures(4))
    for each in (features, plain):
        each.observe(history, items)
    known, without = (each.past(history, asked) for each in (features, plain))
    assert known["list_item"].tolist() == [[0, 1], [1, 0]] and known["list_size"].tolist() == [2, 1]
    low = -np.log(1.5)
    expected = [[[np.log(4), 0], [low, np.log(2)]], [[low, np.log(2)], [0, 0]]]
    np.testing.assert_allclose(known["list_pairs"][..., -2:], expected, rtol=1e-6)
    np.testing.assert_array_equal(known["list_pairs"][..., :-2], without["list_pairs"])
    features.observe(history, items.assign(price=[8.0, -0.5], mailer=[np.nan, 1.0]), changed=[7])
    now = features.past(history, asked)["list_pairs"]
    np.testing.assert_allclose(now[0, 0, -2:], [np.log(9), 0], rtol=1e-6)
    np.testing.assert_array_equal(now[:, 1], known["list_pairs"][:, 1])


def test_a_number_that_the_item_table_does_not_have_is_a_sentence():
    features = ListFeatures(Candidates(own=2), TowerFeatures(4, numbers=["prise"]))
    with pytest.raises(InputError, match="numbers has 'prise', no number column of the item table"):
        features.observe(history_of([(1, 7)]), pd.DataFrame({"text": [""]}, index=[7]))
