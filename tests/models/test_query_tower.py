"""What is searched for, and in which context."""

import numpy as np
import pandas as pd
import pytest

from tests.data.journey import make_journey
from tests.shop import Letters, make_shop, make_state
from tfrec.data.complete_journey import load
from tfrec.data.features import TowerFeatures
from tfrec.data.interactions import validated
from tfrec.data.requests import Requests
from tfrec.data.steps.time import Time
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.models.two_tower import TwoTower
from tfrec.slices.query import Query

START = pd.Timestamp("2024-01-01")


def make_log(query=("", "tea", "nut", "tea", "", "oat", "tea", "")):
    """Two events a day, of users u and v in turn."""
    events = pd.DataFrame({"user": ["u", "v"] * 4, "item": [1, 2, 3, 1, 2, 3, 1, 2], "query": query})
    events["timestamp"] = START + pd.to_timedelta(np.arange(8) / 2, unit="D")
    events["hour"], events["click"], events["device"] = np.arange(8.0), 1, ["phone", "desk"] * 4
    items = pd.DataFrame({"text": ["a", "b", "c"], "price": [1.0, np.nan, 3.0], "stock": [7, 8, 9]}, index=[1, 2, 3])
    users = pd.DataFrame({"age": ["young"], "income": [2.5], "hour": ["late"]}, index=["u"])  # v has no attributes
    return validated(events, items, "toy log", users=users)


def state_of(log=None, context=(), numbers=(), encoder=True, **options):
    features = TowerFeatures(3, context=context, numbers=numbers)
    model = TwoTower(Letters() if encoder else None, features, dim=4, new_items="mean")
    return make_state(log or make_log(), model, steps=[], period="1D", **options)


def embedded(state, queries, **context):
    """Query vectors of one unknown user who asks for each of `queries`."""
    n = len(queries)
    requests = Requests(np.full(n, -1), np.full(n, "x"), np.array(queries, object), context)
    features = state.model.features
    asked = features.users(state.history, requests) | features.past(state.history, requests)
    return state.model.query_embeddings(state.model.table_rows(asked)).numpy()


def test_a_query_has_its_vector_when_its_request_comes():
    """`oat` is first searched for in period 2; its text is known when the period is scored, before it is learned."""
    state = state_of()
    for t in range(2):
        state.observe(t)
    assert state.model.features.texts.rows(["oat", "tea"]).tolist()[0] == -1
    requests = state.truth(2).requests
    assert requests.queries.tolist() == ["", "oat"]
    row = state.model.features.texts.rows(["oat"])
    letters = Letters()
    np.testing.assert_allclose(state.model.text.vectors_of(row), letters(letters.tokenize(["oat"])), rtol=1e-5)
    features = state.model.features.users(state.history, requests)
    assert features["query_text"].tolist() == [-1, row[0]]


def test_nothing_searched_adds_nothing_and_a_search_adds_the_mapped_text():
    """U starts as V: `q(query) - q("") = V text(query)`, also if a text "" is in the table."""
    state = state_of(make_log().__class__(make_log().events, make_log().items.assign(text=["", "b", "c"])))
    state.observe(0)
    state.observe(1)
    vectors = embedded(state, ["", "tea"])
    letters = Letters()
    tea = letters(letters.tokenize(["tea"])).numpy() @ state.model.text_map.kernel.numpy()
    np.testing.assert_allclose(vectors[1] - vectors[0], tea[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(vectors[0], state.model.history_map.map.bias.numpy(), atol=1e-6)


def test_searches_of_one_user_are_pairs_of_their_own():
    """One day: u asks for tea (items 1 and 3), for nothing (item 2) and for tea once more (item 1 again: a repeat)."""
    events = make_log().events.assign(
        user="u", item=[1, 3, 2, 1, 1, 1, 1, 1], query=["tea", "tea", "", "tea"] + [""] * 4
    )
    events["timestamp"] = START + pd.to_timedelta([0, 1, 2, 3, 30, 31, 60, 80], unit="h")
    state = state_of(make_log().__class__(events, make_log().items))
    truth = state.truth(0)
    assert truth.requests.queries.tolist() == ["tea", ""] and [len(row) for row in truth.targets] == [2, 1]
    state.observe(0)
    examples = state.examples(0)
    assert examples.query.tolist() == [0, 0, 1] and len(examples.queries["user"]) == 2
    raw = state.history.items.ids[examples.item].tolist()
    assert raw == [1, 3, 2]


def test_slices_are_searches_and_recommendations():
    state = state_of(make_shop(late=False), context=["age"])
    state.stream = make_state(make_shop(late=False), state.model).stream
    for t in range(2):
        state.observe(t)
    truth = state.truth(2)
    search = truth.requests.queries != ""
    asked = search[truth.flat_targets()[0]].tolist()
    found = {name: rows.tolist() for name, rows in Query()(truth).items()}
    assert found == {"search": asked, "recommendation": [not one for one in asked]}
    assert 0 < search.sum() < len(search)
    # a search's vector differs from the same user's without it, so the two are ranked by themselves
    values = Evaluator(["recall@10"])(state.scorer.score(state.history, truth.requests), truth)["all/recall@10"]
    assert len(values) == len(search)


def test_without_queries_there_are_no_slices():
    events = make_log().events.drop(columns="query")
    state = state_of(make_log().__class__(events, make_log().items))
    state.observe(0)
    assert Query()(state.truth(1)) == {} and not state.model.features.searches and state.model.query_map is None


def test_context_is_of_the_request_and_of_its_user():
    """`hour` is a column of both tables: the user's is `hour_of_user`. v is in no user table."""
    state = state_of(context=["device", "age", "hour_of_user", "hour", "income"])
    state.observe(0)
    requests = state.truth(1).requests  # u, then v, in rows 2 and 3 of the log
    order = np.argsort(requests.ids)
    features = state.model.features.users(state.history, requests)
    names = {name: v.ids for name, v in state.model.features.context_categories.items()}
    found = {name: names[name][features[f"context/{name}"][order]].tolist() for name in names}
    assert found == {"device": ["phone", "desk"], "age": ["young", ""], "hour_of_user": ["late", ""]}
    np.testing.assert_array_equal(features["context_numbers"][order], [[2, 2.5], [3, 0]])  # a missing income is 0


def test_context_enters_the_query_vector():
    """q = bias + table[device] + W hour, as the maps of context start at zero and are set here."""
    state = state_of(context=["device", "hour"])
    state.observe(0)
    model, rng = state.model, np.random.default_rng(0)
    table, kernel = model.context.tables["context/device"], model.context_map.kernel
    np.testing.assert_array_equal(
        embedded(state, [""], device=np.array(["desk"]), hour=np.array([2.0])), np.zeros((1, 4))
    )
    table.table.assign(rng.normal(size=table.table.shape))
    kernel.assign(rng.normal(size=kernel.shape))
    vector = embedded(state, [""], device=np.array(["desk"]), hour=np.array([2.0]))[0]
    desk = model.features.context_categories["device"].rows(["desk"])[0]
    np.testing.assert_allclose(vector, table.table.numpy()[desk] + 2 * kernel.numpy()[0], rtol=1e-5)


def test_both_kinds_of_context_are_learned():
    state = state_of(context=["device", "hour"])
    for t in range(2):
        state.observe(t)
    state.learn(range(1, 2), 2, 2)
    assert state.model.context.tables["context/device"].table.numpy().any()
    assert state.model.context_map.kernel.numpy().any()


def test_a_request_of_complete_journey_has_the_context_of_its_first_purchase(tmp_path):
    """Household 1: Sunday 12:00 in store 330 and, a week later, in 331; household 2: Mondays 06:00 and 05:00.

    The store is a code, so a category; the hour of the day is a category and, as a sine, a number.
    """
    log = load(make_journey(tmp_path), columns=["store"], demographics=True)
    names = ["store", "weekday", "hour", "income", "hour_sin"]

    def contexts(period):
        model = TwoTower(None, TowerFeatures(3, context=names), dim=4, new_items="mean")
        state = make_state(log, model, steps=[Time(cyclic=True)], period=period)
        found = []
        for t in range(len(state.stream)):
            requests = state.truth(t).requests
            features = model.features.users(state.history, requests)
            texts = {name: v.ids[features[f"context/{name}"]] for name, v in model.features.context_categories.items()}
            assert [*texts] == names[:4] and features["context_numbers"].shape == (len(requests), 1)
            found += zip(requests.ids, *texts.values(), features["context_numbers"][:, 0].round(3), strict=True)
            state.observe(t)
        assert state.learn(range(len(state.stream)), 1, 2)["train/loss"] >= 0
        return sorted(found)

    sine = np.float32(np.sin(2 * np.pi * 5 / 24)).round(3)
    one = (1, "330", "Sunday", "hour 12", "Under 15K", 0), (1, "331", "Sunday", "hour 12", "Under 15K", 0)
    two = (2, "330", "Monday", "hour 06", "250K+", 1), (2, "331", "Monday", "hour 05", "250K+", sine)
    assert contexts(2) == [*one, *two]  # two purchases a period
    assert contexts(4) == [one[0], two[0]]  # what came later in the request's period is not in its context


@pytest.mark.parametrize("name", ["click", "item", "timestamp", "period", "age of the user"])
def test_what_is_not_known_when_a_request_comes_is_refused(name):
    message = f"model.features.context has '{name}', which is no column of the events or.*data.columns.*step=time"
    with pytest.raises(InputError, match=message):
        state_of(context=[name]).observe(0)


def test_numbers_of_items():
    """c = item + text + price * w_price + stock * w_stock, a missing price is 0."""
    state = state_of(numbers=["price", "stock"])
    state.observe(0)
    model = state.model
    rows = np.arange(2)  # items 1 and 2
    features = model.features.candidates(state.history, rows)
    np.testing.assert_array_equal(features["numbers"], [[1, 7], [0, 8]])
    before = model.candidate_embeddings(features).numpy()
    model.numbers_map.kernel.assign(np.arange(8.0).reshape(2, 4))
    added = np.array([[1, 7], [0, 8]]) @ np.arange(8.0).reshape(2, 4)
    np.testing.assert_allclose(model.candidate_embeddings(features).numpy() - before, added, rtol=1e-4)


@pytest.mark.parametrize("name", ["text", "weight"])
def test_what_is_no_number_of_items_is_refused(name):
    message = f"model.features.numbers has '{name}', no number column of the item table.*or choose data"
    with pytest.raises(InputError, match=message):
        state_of(numbers=[name]).observe(0)
