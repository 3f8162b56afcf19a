import numpy as np
import pytest

from tfrec.data.distinct import distinct_candidates

BATCH = {
    "user": np.array([5, 6, 7, 8]),
    "item": np.array([30, 10, 30, 20]),
    "numbers": np.array([[3.0], [1.0], [9.0], [2.0]]),
}


def test_each_item_is_there_once_with_the_features_of_its_first_row():
    found = distinct_candidates(BATCH, {"item", "numbers"})
    assert found["item"].tolist() == [10, 20, 30] and found["numbers"].tolist() == [[1], [2], [3]]
    assert found["item"][found["label"]].tolist() == BATCH["item"].tolist()
    assert found["count"].tolist() == [1, 1, 2]
    assert found["user"] is BATCH["user"]


def test_rows_count_by_their_weight_so_that_an_item_is_a_negative_as_often_as_it_is_chosen():
    """Weights 2, 1, 0, 1 of items 30, 10, 30, 20: times 4 / 6, so 2/3 of items 10 and 20, and 4/3 of item 30."""
    weighted = BATCH | {"row_weight": np.float32([2, 1, 0, 1])}
    np.testing.assert_allclose(distinct_candidates(weighted, {"item"})["count"], [2 / 3, 2 / 3, 4 / 3], atol=1e-5)
    equal = distinct_candidates(BATCH | {"row_weight": np.full(4, 1.25, np.float32)}, {"item"})
    np.testing.assert_allclose(equal["count"], [1, 1, 2], rtol=1e-6)
    without = distinct_candidates(BATCH | {"row_weight": np.float32([1, 1, 1, 0])}, {"item"})["count"]
    assert without.tolist()[::2] == [1, 2] and 0 < without[1] < 1e-5  # a loss that has no weight is finite, too


@pytest.mark.parametrize("different, size", [(1, 13), (13, 13), (14, 26), (100, 104)])
def test_sizes_are_multiples_of_an_eighth_of_the_batch(different, size):
    # an eighth of 100 rows, rounded up, is 13
    item = np.arange(100) % different
    found = distinct_candidates({"item": item}, {"item"})
    assert len(found["item"]) == len(found["count"]) == size
    assert found["count"].sum() == 100 and not found["count"][different:].any()
    np.testing.assert_array_equal(found["item"][found["label"]], item)


@pytest.mark.parametrize("replicas", [2, 3, 4])
def test_replicas_get_as_many_each(replicas):
    found = distinct_candidates({"item": np.arange(9)}, {"item"}, replicas)
    assert len(found["item"]) % replicas == 0 and len(found["item"]) >= 9


def test_the_batch_stays_as_it_was():
    before = {key: values.copy() for key, values in BATCH.items()}
    distinct_candidates(BATCH, {"item", "numbers"}, 2)
    assert BATCH.keys() == before.keys()
    for key, values in before.items():
        np.testing.assert_array_equal(BATCH[key], values)
