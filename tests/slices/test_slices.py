"""Slices of a hand-made truth: four items, three requests."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tfrec.data.requests import Requests
from tfrec.data.truth import Truth
from tfrec.errors import InputError
from tfrec.slices.age import Age
from tfrec.slices.category import Category
from tfrec.slices.item import Item
from tfrec.slices.query import Query
from tfrec.slices.user import User

TABLE = pd.DataFrame(
    {"text": "", "kind": ["Tea & Co", "milk", "milk", "Tea & Co", "bread"], "price": 1.0},
    index=["a", "b", "c", "d", "e"],
)


@pytest.fixture
def truth():
    """Targets in order: a, unseen | b, c | d."""
    return Truth(
        requests=Requests(np.array([0, -1, 1]), np.array(["u", "v", "w"]), np.array(["tea", "", ""], object)),
        targets=[np.array([0, -1]), np.array([1, 2]), np.array([3])],
        bought=[np.array([], int)] * 3,
        popularity=np.array([10, 4, 1, 1]),
        age=np.array([20, 14, 13, 2]),
        items=TABLE,
        ids=np.array(["a", "b", "c", "d"]),
    )


def members(slices):
    return {name: np.flatnonzero(mask).tolist() for name, mask in slices.items()}


def test_query(truth):
    assert members(Query()(truth)) == {"search": [0, 1], "recommendation": [2, 3, 4]}
    plain = Truth(Requests(truth.users), truth.targets, truth.bought, truth.popularity, truth.age)
    assert Query()(plain) == {}


def test_user(truth):
    assert members(User()(truth)) == {"new_user": [2, 3], "known_user": [0, 1, 4]}


def test_item(truth):
    """d is 2 periods old, so new, as is what was never seen. Of 10, 4, 1 the median is 4 and the 0.9 quantile 8.8:
    b is at the median and so still of the tail."""
    found = members(Item(new=4, head=0.9, mid=0.5)(truth))
    assert found == {"new_item": [1, 4], "tail_item": [2, 3], "mid_item": [], "head_item": [0]}


def test_items_bought_once_are_of_the_tail(truth):
    """Popularities 1, 1, 1, 3: the median is 1 and the 0.9 quantile 2.4."""
    truth = replace(truth, popularity=np.array([1, 1, 1, 3]))
    found = members(Item(new=0)(truth))
    assert found == {"new_item": [1], "tail_item": [0, 2, 3], "mid_item": [], "head_item": [4]}


def test_item_where_all_is_new(truth):
    found = members(Item(new=50)(truth))
    assert found == {"new_item": [0, 1, 2, 3, 4], "tail_item": [], "mid_item": [], "head_item": []}


def test_age(truth):
    found = members(Age([1, 4, 13])(truth))
    assert found == {"age_unseen": [1], "age_1": [], "age_2_4": [4], "age_5_13": [3], "age_14_on": [0, 2]}


def test_category_takes_what_was_bought_most(truth):
    """Tea 10 + 1 purchases, milk 4 + 1; bread is not in the catalogue."""
    assert members(Category("kind", top=1)(truth)) == {"kind_tea_co": [0, 4]}
    assert members(Category("kind")(truth)) == {"kind_tea_co": [0, 4], "kind_milk": [2, 3]}


def test_values_that_differ_in_punctuation_alone_are_one_category(truth):
    table = TABLE.assign(kind=["Meat-X", "MEAT X", "milk", "milk", "milk"])
    assert members(Category("kind")(replace(truth, items=table))) == {"kind_meat_x": [0, 2], "kind_milk": [3, 4]}


@pytest.mark.parametrize("cut", [Query(), User(), Item(), Age()])
def test_each_target_is_in_one_slice(truth, cut):
    masks = np.stack(list(cut(truth).values()))
    np.testing.assert_array_equal(masks.sum(axis=0), 1)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Item(new=-1), "slice.item.new is -1"),
        (lambda: Item(head=0.5, mid=0.5), "choose 0 < mid < head < 1"),
        (lambda: Age([]), "write rising whole numbers"),
        (lambda: Age([4, 1]), "write rising whole numbers"),
        (lambda: Category("kind", top=0), "slice.category.top is 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_a_column_that_is_no_category_is_refused(truth):
    with pytest.raises(InputError, match="slice.category.column is 'price', no category .*it has kind"):
        Category("price")(truth)
