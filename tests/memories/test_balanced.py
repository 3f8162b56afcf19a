import numpy as np
import pytest

from tests.memories.offers import LEARNER, numbers, offered, update_of
from tfrec.errors import InputError
from tfrec.memories.balanced import Balanced


def kept_of(memory, groups):
    return np.bincount(np.asarray(groups)[memory.kept()["number"]], minlength=max(groups) + 1).tolist()


def test_small_groups_are_kept_whole_and_the_others_share_the_rest():
    """10, 1 and 3 rows of items 0, 1 and 2 in 8 places: one of each, then a second one, until 4, 1, 3."""
    items = [0] * 10 + [1] + [2] * 3
    for seed in range(5):
        memory = offered(Balanced(size=8, seed=seed), update_of(range(14), items))
        assert kept_of(memory, items) == [4, 1, 3]


def test_a_group_that_comes_later_takes_places_of_the_largest():
    """6 rows of item 0 and 6 of item 1 are 4 and 4 of 8; 3 rows of item 2 leave 8 = 3 + 3 + 2 or the like."""
    items = [0] * 6 + [1] * 6 + [2] * 3
    memory = offered(Balanced(size=8), update_of(range(12), items[:12]))
    assert kept_of(memory, items[:12]) == [4, 4]
    before = set(numbers(memory))
    offered(memory, update_of(range(12, 15), items[12:]))
    assert sorted(kept_of(memory, items)) == [2, 3, 3]
    assert {n for n in numbers(memory) if n < 12} <= before  # what was thrown away does not come back


def test_within_a_group_rows_are_a_uniform_sample():
    """Each of 10 rows of item 0 is one of 5 with probability 1/2: 400 memories, mean 200, sd sqrt(400 / 4) = 10."""
    items, counts = [0] * 10 + [1] * 5, np.zeros(15)
    for seed in range(400):
        memory = offered(
            Balanced(size=10, seed=seed), update_of(range(7), items[:7]), update_of(range(7, 15), items[7:])
        )
        counts[memory.kept()["number"]] += 1
    assert np.abs(counts[:10] - 200).max() < 4.5 * 10 and (counts[10:] == 400).all()


def test_groups_by_a_column_of_the_item_table():
    """Items 0 and 2 are of kind 0, item 1 is of kind 1: 4 of 6 and 4 of 6 rows, however many each item has."""
    items = [0, 2, 2, 2, 2, 2] + [1] * 6
    memory = offered(Balanced("category/kind", size=8), update_of(range(12), items))
    assert np.bincount(np.array(items)[memory.kept()["number"]] % 2).tolist() == [4, 4]


def test_a_feature_that_candidates_do_not_have_is_a_sentence():
    with pytest.raises(InputError, match="memory's by is 'category/brand', .*: choose one of category/kind, item."):
        Balanced("category/brand").refresh(LEARNER, update_of(range(3)))  # before anything is learned
    with pytest.raises(InputError, match="memory's by is 'category/brand'"):
        offered(Balanced("category/brand"), update_of(range(3)))
