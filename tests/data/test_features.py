"""The arrays that a model's two towers take."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tests.toy import make_interactions
from tfrec.data.features import TowerFeatures, heaviest
from tfrec.data.history import History
from tfrec.data.raw_features import RawFeatures
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.errors import InputError


def seen(stream, periods, features):
    history, new = History(), []
    for t in range(periods):
        history.observe(stream[t])
        new.append(features.observe(history, stream.items))
    return history, new


@pytest.mark.parametrize("length", [1, 3, 12])
def test_heaviest_is_a_sort_by_hand(length):
    """Few different values in 8 columns: most of the order is decided by ties, and 12 is more than there are."""
    rng = np.random.default_rng(length)
    table = rng.integers(0, 4, (20, 8)).astype(float)
    table[5] = 0
    columns, values = heaviest(sparse.csr_matrix(table), length)
    assert columns.shape == values.shape == (20, length)
    assert columns.dtype == np.int32
    for row in range(20):
        order = sorted(np.flatnonzero(table[row]), key=lambda column: (-table[row, column], column))[:length]
        order = sorted(order)
        padding = [0] * (length - len(order))
        assert columns[row].tolist() == order + padding
        assert values[row].tolist() == table[row, order].tolist() + padding


def test_past_is_the_formula_written_out(stream):
    """`log(1 + sum over s < t of 0.5 ** (t - 1 - s))`, the four heaviest, divided by their sum."""
    features = TowerFeatures(history_length=4, decay=0.5)
    history, _ = seen(stream, 3, features)
    past = features.past(history, Requests(np.arange(len(history.users))))
    for row, user in enumerate(history.users.ids):
        weights = {}
        for s in range(3):
            own = stream[s][stream[s]["user"] == user]["item"]
            for item in history.items.rows(own):
                weights[item] = weights.get(item, 0) + 0.5 ** (2 - s)
        chosen = sorted(sorted(weights, key=lambda item: (-weights[item], item))[:4])
        logs = np.log1p([weights[item] for item in chosen])
        assert past["history"][row, : len(chosen)].tolist() == chosen
        np.testing.assert_allclose(past["history_weight"][row, : len(chosen)], logs / logs.sum(), rtol=1e-6)
        assert not past["history_weight"][row, len(chosen) :].any()


@pytest.mark.parametrize("length", [1, 50])
def test_weights_sum_to_one_and_shapes_do_not_depend_on_users(stream, length):
    features = TowerFeatures(history_length=length)
    history, _ = seen(stream, 4, features)
    past = features.past(history, Requests(np.arange(len(history.users))))
    np.testing.assert_allclose(past["history_weight"].sum(axis=1), 1, rtol=1e-6)
    for asked in (
        past,
        features.past(history, Requests(np.array([0]))),
        features.past(history, Requests(np.array([], int))),
    ):
        assert asked["history"].shape == asked["history_weight"].shape
        assert asked["history"].shape[1] == length
        assert asked["history"].dtype == np.int32 and asked["history_weight"].dtype == np.float32


def test_a_user_never_seen_has_no_row_and_no_past(stream):
    features = TowerFeatures(history_length=4)
    history, _ = seen(stream, 2, features)
    asked = features.users(history, Requests(np.array([3, -1]))) | features.past(history, Requests(np.array([3, -1])))
    assert asked["user"].tolist() == [3, 0] and asked["user"].dtype == np.int32
    assert asked["user_known"].tolist() == [1, 0] and asked["user_known"].dtype == np.float32
    assert asked["history_weight"][1].tolist() == [0] * 4 and asked["history_weight"][0].any()


def test_before_the_first_period_nobody_has_a_past():
    past = TowerFeatures(history_length=4).past(History(), Requests(np.array([-1, -1])))
    assert past["history"].shape == (2, 4) and not past["history_weight"].any()


def test_each_different_text_and_category_has_one_row(stream):
    """Three items share a text and all share 4 kinds; rows follow the order in which items appear in the stream."""
    stream.items["text"] = [f"thing {item // 3}" for item in stream.items.index]
    features = TowerFeatures()
    history, new = seen(stream, 5, features)
    table = stream.items.loc[history.items.ids]
    assert sum(new, []) == features.texts.ids.tolist() == list(dict.fromkeys(table["text"]))
    assert len(features.texts) < len(table)
    chosen = np.array([4, 0, len(table) - 1])
    candidates = features.candidates(history, chosen)
    assert list(candidates) == ["item", "text", "category/kind"]
    assert all(rows.dtype == np.int32 for rows in candidates.values())
    assert candidates["item"].tolist() == chosen.tolist()
    assert features.texts.ids[candidates["text"]].tolist() == table["text"].iloc[chosen].tolist()
    assert features.categories["kind"].ids[candidates["category/kind"]].tolist() == table["kind"].iloc[chosen].tolist()


def test_observing_the_same_history_again_changes_nothing(stream):
    features = TowerFeatures()
    history, _ = seen(stream, 2, features)
    before = features.candidates(history, np.arange(len(history.items)))
    assert features.observe(history, stream.items) == []
    after = features.candidates(history, np.arange(len(history.items)))
    assert all((before[key] == after[key]).all() for key in before)


@pytest.mark.parametrize("named, unseen", [(True, ""), (False, -1)])
def test_a_plain_model_gets_raw_values_under_its_own_names(named, unseen):
    stream = Stream(make_interactions(named=named))
    features = RawFeatures({"user": "user_id", "item": "movie_id", "text": "movie_title"})
    history, new = seen(stream, 2, features)
    assert new == [[], []]
    users = features.users(history, Requests(np.array([1, -1, 0])))
    assert list(users) == ["user_id"]
    assert users["user_id"].tolist() == [history.users.ids[1], unseen, history.users.ids[0]]
    assert unseen not in history.users.ids.tolist()
    candidates = features.candidates(history, np.array([2, 0]))
    ids = history.items.ids[[2, 0]]
    assert candidates["movie_id"].tolist() == ids.tolist()
    assert candidates["movie_title"].tolist() == stream.items["text"].loc[ids].tolist()
    assert features.past(history, Requests(np.array([0]))) == {}


def test_a_column_that_the_item_table_lacks_is_named():
    features = RawFeatures({"user": "user_id", "genre": "movie_genre"})
    with pytest.raises(InputError, match="model.columns names 'genre', which the item table does not have"):
        features.observe(History(), pd.DataFrame({"text": []}))


@pytest.mark.parametrize("columns", [{}, {"user": "user_id"}, {"item": "movie_id", "text": "movie_title"}])
def test_columns_must_describe_both_sides(columns):
    with pytest.raises(InputError, match="it must name the feature of 'user' and of 'item'.*for example"):
        RawFeatures(columns)


def test_ages_and_counts_are_those_of_the_stream_newest_first(stream):
    """Of each user, counted event by event: the period of the last purchase and the periods with one."""
    features = TowerFeatures(history_length=6)
    features.asked = {"history_age", "history_count"}
    history, _ = seen(stream, 4, features)
    past = features.past(history, Requests(np.append(np.arange(len(history.users)), -1)))
    plain = TowerFeatures(history_length=6).past(history, Requests(np.arange(len(history.users))))
    for row, user in enumerate(history.users.ids):
        periods = {}
        for s in range(4):
            for item in history.items.rows(stream[s][stream[s]["user"] == user]["item"].unique()):
                periods.setdefault(int(item), []).append(s)
        real = past["history_weight"][row] > 0
        items = past["history"][row, real].tolist()
        weights = plain["history_weight"][row]
        assert sorted(items) == plain["history"][row, weights > 0].tolist()
        assert past["history_age"][row, real].tolist() == [4 - max(periods[item]) for item in items]
        assert past["history_count"][row, real].tolist() == [len(periods[item]) for item in items]
        assert (np.diff(past["history_age"][row, real]) >= 0).all() and real.tolist() == sorted(real, reverse=True)
    assert not past["history_age"][-1].any() and not past["history_count"][-1].any()
    assert past["history_age"][-2, ~real].tolist() == [0] * (~real).sum()


def test_how_often_an_item_was_bought_is_counted_up_to_now_where_it_is_asked_for(stream):
    features = TowerFeatures()
    assert "item_count" not in features.candidates(seen(stream, 2, features)[0], np.arange(3))
    for periods in (1, 3):
        features = TowerFeatures()
        features.asked = {"item_count"}
        history, _ = seen(stream, periods, features)
        bought = pd.concat([stream[t] for t in range(periods)])["item"].value_counts()
        found = features.candidates(history, np.arange(len(history.items)))["item_count"]
        assert found.dtype == np.float32 and found.tolist() == bought.loc[history.items.ids].tolist()


def test_the_texts_of_a_history_are_those_of_its_items(stream):
    features = TowerFeatures(history_length=4)
    features.asked = {"history_text", "history_age"}  # by age, items are in another order
    assert features.past(History(), Requests(np.array([-1])))["history_text"].tolist() == [[0] * 4]
    history, _ = seen(stream, 3, features)
    past = features.past(history, Requests(np.arange(len(history.users))))
    real = past["history_weight"] > 0
    texts = features.texts.of(past["history_text"][real])
    assert texts.tolist() == stream.items["text"].loc[history.items.of(past["history"][real])].tolist()
