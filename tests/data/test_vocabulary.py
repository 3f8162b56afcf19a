"""Raw ids and their rows."""

import numpy as np
import pandas as pd
import pytest

from tfrec.data.vocabulary import Vocabulary

NUMBERS = np.random.default_rng(0).integers(0, 50, 300)
NAMES = np.array([f"id {number}" for number in NUMBERS])


@pytest.mark.parametrize("ids", [NUMBERS, NAMES, pd.Series(NAMES), list(NUMBERS)], ids=["int", "str", "series", "list"])
def test_rows_are_the_order_of_first_appearance(ids):
    vocabulary = Vocabulary()
    rows = vocabulary.add(ids)
    order = list(dict.fromkeys(ids))  # Python's dictionaries keep the order of insertion
    assert rows.tolist() == [order.index(raw) for raw in ids]
    assert rows.dtype == np.int32
    assert vocabulary.ids.tolist() == order
    assert len(vocabulary) == len(order)


@pytest.mark.parametrize("ids", [NUMBERS, NAMES])
@pytest.mark.parametrize("size", [1, 7, 150])
def test_growing_in_parts_is_the_same_as_at_once(ids, size):
    at_once, grown = Vocabulary(ids), Vocabulary()
    for start in range(0, len(ids), size):
        part = ids[start : start + size]
        np.testing.assert_array_equal(grown.add(part), at_once.rows(part))
    np.testing.assert_array_equal(grown.ids, at_once.ids)


def test_no_row_ever_moves():
    vocabulary = Vocabulary(["b", "a"])
    vocabulary.add(["c", "a", "0"])
    assert vocabulary.rows(["b", "a", "c", "0"]).tolist() == [0, 1, 2, 3]


def test_an_id_never_seen_has_row_minus_one_and_does_not_enter():
    vocabulary = Vocabulary([3, 1])
    rows = vocabulary.rows([1, 2, 3, "1"])
    assert rows.tolist() == [1, -1, 0, -1] and rows.dtype == np.int32
    assert len(vocabulary) == 2


def test_rows_and_ids_are_inverse():
    vocabulary = Vocabulary(NAMES)
    np.testing.assert_array_equal(vocabulary.ids[vocabulary.rows(NAMES)], NAMES)
    np.testing.assert_array_equal(vocabulary.rows(vocabulary.ids), np.arange(len(vocabulary)))


def test_an_empty_vocabulary_knows_nothing():
    vocabulary = Vocabulary()
    assert len(vocabulary) == 0 and len(vocabulary.ids) == 0
    assert vocabulary.add([]).tolist() == []
    assert vocabulary.rows([1, 2]).tolist() == [-1, -1]


def test_rows_of_several_columns_of_categories():
    """Categorical columns of pandas, whose parts list different categories."""
    vocabulary = Vocabulary(pd.Series(["x", "y"], dtype="category"))
    assert vocabulary.add(pd.Series(["y", "z"], dtype="category")).tolist() == [1, 2]
    assert vocabulary.ids.tolist() == ["x", "y", "z"]


def test_some_ids_are_those_of_their_rows():
    vocabulary = Vocabulary(NAMES)
    vocabulary.add(["new"])
    rows = np.array([len(vocabulary) - 1, 0, 3, 0])
    np.testing.assert_array_equal(vocabulary.of(rows), vocabulary.ids[rows])
    assert vocabulary.of(rows[:0]).tolist() == Vocabulary().of(rows[:0]).tolist() == []
