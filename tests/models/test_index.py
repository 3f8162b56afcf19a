"""The index of the catalogue: what is encoded again, and that it does not matter in what order it was built."""

import numpy as np
import pandas as pd
import pytest

from tests.shop import Letters
from tfrec.data.features import TowerFeatures
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.rows import Rows
from tfrec.models.scoring import Towers, TowerScores
from tfrec.models.two_tower import TwoTower

ITEMS = pd.DataFrame({"text": [f"thing {i}" for i in range(2100)], "kind": [f"kind {i % 7}" for i in range(2100)]})
ITEMS["price"] = np.linspace(0, 1, len(ITEMS))


class Shop:
    """A model whose weights are drawn, with a history that sees the items that it is told to."""

    def __init__(self, seed=0):
        self.history, self.items = History(), ITEMS.copy()
        self.model = TwoTower(Letters(), TowerFeatures(4, numbers=["price"]), dim=5, seed=seed)
        self.towers = TowerScores(Towers(self.model))

    def see(self, items, changed=()):
        events = pd.DataFrame({"user": 0, "item": items, "timestamp": pd.Timestamp("2024-01-01")})
        self.history.observe(events)
        self.model.grow(self.history, self.items, changed)

    def draw_weights(self):
        rng = np.random.default_rng(7)
        for variable in self.model.trainable_variables:
            variable.assign(rng.normal(size=variable.shape))

    def index(self):
        self.towers.score(self.history, Requests(np.array([0])))
        return self.towers.index.numpy()


@pytest.fixture(scope="module")
def shop():
    shop = Shop()
    shop.see(np.arange(2000))
    shop.draw_weights()
    shop.index()
    return shop


def test_the_first_time_all_is_encoded_and_then_nothing(shop):
    shop.towers.forget()
    first = shop.index()
    assert shop.towers.encoded == 2000
    np.testing.assert_array_equal(shop.index(), first)
    assert shop.towers.encoded == 0


@pytest.mark.parametrize("column, value", [("text", "another text"), ("kind", "kind 4"), ("price", 9.5)])
def test_a_changed_feature_encodes_one_row_and_leaves_the_others(shop, column, value):
    before = shop.index()
    shop.items.loc[1500, column] = value
    shop.see([], changed=[1500])
    after = shop.index()
    assert shop.towers.encoded == 1
    np.testing.assert_array_equal(np.flatnonzero((after != before).any(axis=1)), [1500])
    shop.towers.forget()
    np.testing.assert_array_equal(shop.index(), after)


def test_a_row_looked_up_again_without_a_change_is_not_encoded(shop):
    shop.index()
    shop.see([], changed=np.arange(100))
    shop.index()
    assert shop.towers.encoded == 0


def test_after_learning_all_rows_are_encoded(shop):
    before = shop.index()
    shop.model.text_map.kernel.assign_add(np.ones_like(shop.model.text_map.kernel))
    np.testing.assert_array_equal(shop.index(), before)  # nobody said that the weights have changed
    shop.towers.forget()
    after = shop.index()
    assert shop.towers.encoded == len(after) == 2000 and (after != before).any(axis=1).all()


@pytest.mark.parametrize("parts", [[1, 1, 1, 500, 1497], [1023, 2, 975], [1999, 1]])
def test_built_in_parts_is_built_at_once_bit_for_bit(parts):
    """All rows of the tables are known; what grows is the history, and with it the index."""
    whole, grown = Shop(), Shop()
    whole.see(np.arange(2000))
    whole.draw_weights()
    grown.model.item_table.grow(2000)
    for column in grown.model.features.categories:
        grown.model.categories.tables[column].grow(7)
    numbers = np.cumsum([0, *parts])
    for part, (start, stop) in enumerate(zip(numbers, numbers[1:], strict=False)):
        grown.see(np.arange(start, stop))
        if part == 0:
            grown.see([])
            for one, two in zip(grown.model.trainable_variables, whole.model.trainable_variables, strict=True):
                assert one.shape == two.shape
                one.assign(two)
            grown.index()
        else:
            grown.index()
            assert grown.towers.encoded == stop - start
    np.testing.assert_array_equal(grown.index(), whole.index())


def test_a_table_replaced_by_a_larger_one_does_not_change_scores(shop):
    """From 2,048 to 4,096 rows of items and texts, twice between two scores and without a new item."""
    shop.towers.forget()
    ask = Requests(np.array([0, -1]))
    before = shop.towers.score(shop.history, ask)(slice(0, 2)).numpy()
    for table in (shop.model.item_table, shop.model.text.table, shop.model.user_table):
        capacity = table.capacity
        assert table.grow(capacity + 1) and table.grow(2 * capacity + 1) and table.capacity == 4 * capacity
    np.testing.assert_array_equal(shop.towers.score(shop.history, ask)(slice(0, 2)).numpy(), before)
    shop.towers.forget()
    np.testing.assert_array_equal(shop.towers.score(shop.history, ask)(slice(0, 2)).numpy(), before)


def test_a_variable_that_has_gone_is_not_taken_for_its_successor():
    """Growing twice lets go of the traced variable; what comes next may lie at the same place in memory."""
    shop = Shop()
    shop.see(np.arange(10))
    shop.draw_weights()
    shop.index()
    traced = shop.towers.towers._candidates
    for _ in range(3):
        shop.model.item_table.grow(shop.model.item_table.capacity + 1)
        shop.model.item_table.grow(shop.model.item_table.capacity + 1)
        shop.index()
        assert shop.towers.towers._candidates is not traced
        traced = shop.towers.towers._candidates


def test_an_item_that_gets_a_row_of_its_own_is_encoded_anew():
    shop = Shop()
    shop.model = TwoTower(Letters(), dim=5, new_items="zero", item_rows=Rows(admission=2))
    shop.towers = TowerScores(Towers(shop.model))
    shop.see([0, 0, 1, 2])
    shop.draw_weights()
    before = shop.index()
    shop.see([2])
    after = shop.index()
    assert shop.towers.encoded == 1
    assert np.flatnonzero((after != before).any(axis=1)).tolist() == [2]


def test_towers_without_a_variable_are_traced_too():
    class Fixed:
        query_embeddings = candidate_embeddings = staticmethod(lambda features: features["vector"])
        tfrs_model = type("Nothing", (), {"variables": []})
        table_rows, text = staticmethod(lambda features: features), None

    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    towers = Towers(Fixed())
    np.testing.assert_array_equal(towers.queries({"vector": vectors}), vectors)
    np.testing.assert_array_equal(towers.candidates({"vector": vectors}), vectors)
