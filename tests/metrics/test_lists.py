import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfrec.errors import InputError
from tfrec.metrics.lists import churn, coverage, diversity, freshness, gini, novelty

EMPTY = np.full((1, 3), -1)


@st.composite
def some_lists(draw):
    """Lists of different items, with -1 in any place, and the size of a catalogue that has them all."""
    requests, k, items = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(5, 9))
    rows = [draw(st.permutations(range(items)))[:k] for _ in range(requests)]
    kept = draw(arrays(bool, (requests, k)))
    return np.where(kept, rows, -1), items


def test_coverage_of_three_lists():
    # items 0, 1, 3 of 5
    assert coverage(np.array([[0, 1, -1], [3, 0, 1], [-1, -1, -1]]), 5) == 3 / 5
    assert coverage(EMPTY, 5) == 0
    assert np.isnan(coverage(EMPTY[:0], 5)) and np.isnan(coverage(EMPTY, 0))


def test_gini_of_four_items():
    # listed 1, 3, 0, 0 times; sorted 0 0 1 3: (-3 * 0 - 1 * 0 + 1 * 1 + 3 * 3) / (4 * 4) = 10 / 16
    assert gini(np.array([[0, 1], [1, -1], [-1, 1]]), 4) == 10 / 16
    assert gini(np.array([[0, 1], [2, 3]]), 4) == 0
    assert np.isnan(gini(EMPTY, 4)) and np.isnan(gini(EMPTY, 0))


@pytest.mark.parametrize("k", [1, 3, 10])
def test_bounds_of_gini(k):
    same = np.tile(np.arange(k), (7, 1))  # 7 users see the same k of 10 items
    assert gini(same, 10) == pytest.approx((10 - k) / 10)
    once = np.arange(2 * k).reshape(2, k)  # 2 users see 2 k different ones of 30
    assert gini(once, 30) == pytest.approx((30 - 2 * k) / 30)


@given(some_lists())
@settings(max_examples=100, deadline=None)
def test_gini_is_half_the_relative_mean_difference(drawn):
    """`sum over i, j of |x_i - x_j| / (2 n^2 mean x)`, another form of it."""
    lists, items = drawn
    times = np.array([(lists == item).sum() for item in range(items)])
    if not times.sum():
        assert np.isnan(gini(lists, items))
        return
    apart = np.abs(times[:, None] - times).sum()
    assert gini(lists, items) == pytest.approx(apart / (2 * items**2 * times.mean()), abs=1e-12)
    assert coverage(lists, items) == len(set(lists[lists >= 0])) / items


def test_novelty_in_bits():
    # counts 7, 3, 0, 2 and 4 items: p = 8/16, 4/16, 1/16, 3/16, so 1, 2 and 4 bits
    lists = np.array([[0, 1, 2], [2, -1, -1], [-1, 0, -1]])
    assert novelty(lists, np.array([7, 3, 0, 2])) == pytest.approx([7 / 3, 4, 1])
    assert np.isnan(novelty(EMPTY, np.array([7, 3]))).all()


def test_diversity_of_three_items():
    # 0 and 1 differ in one of two columns, 0 and 2 in both, 1 and 2 in one
    categories = np.array([[0, 0], [0, 1], [1, 1]])
    found = diversity(np.array([[0, 1, 2], [0, -1, 2], [-1, 2, -1], [-1, -1, -1]]), categories)
    np.testing.assert_allclose(found, [(1 / 2 + 1 + 1 / 2) / 3, 1, np.nan, np.nan])


def test_freshness_of_new_and_old():
    ages = np.array([0, 4, 1000])
    found = freshness(np.array([[0, 1], [2, -1], [0, -1], [-1, -1]]), ages, tau=2)
    np.testing.assert_allclose(found, [(1 + np.exp(-2)) / 2, np.exp(-500), 1, np.nan])


@pytest.mark.parametrize("tau", [0, -1.0, float("nan")])
def test_freshness_without_a_scale_is_refused(tau):
    with pytest.raises(InputError, match="choose more than 0 periods"):
        freshness(EMPTY, np.zeros(1), tau)


def test_churn_of_lists_of_other_lengths():
    before = np.array([[0, 1, 2], [0, 1, 2], [0, -1, 5], [-1, -1, -1], [0, 1, 2]])
    now = np.array([[2, 0], [3, 0], [-1, 7], [3, 4], [-1, -1]])
    np.testing.assert_allclose(churn(before, now), [0, 1 / 2, 1, np.nan, np.nan])


@given(some_lists(), st.data())
@settings(max_examples=100, deadline=None)
def test_all_of_them_in_plain_loops(drawn, data):
    lists, items = drawn
    counts = data.draw(arrays(int, items, elements=st.integers(0, 9)))
    categories = data.draw(arrays(int, (items, 3), elements=st.integers(-1, 1)))
    p = (counts + 1) / (counts.sum() + items)
    before = np.roll(lists, 1, axis=0)
    bits, apart, fresh, changed = (np.full(len(lists), np.nan) for _ in range(4))
    for number, row in enumerate(lists.tolist()):
        row, old = [item for item in row if item >= 0], set(before[number].tolist()) - {-1}
        pairs = [(i, j) for i in row for j in row if i < j]
        if row:
            bits[number] = np.mean([-np.log2(p[item]) for item in row])
            fresh[number] = np.mean([np.exp(-counts[item] / 3) for item in row])
        if row and old:
            changed[number] = len(set(row) - old) / len(row)
        if pairs:
            apart[number] = np.mean([np.mean(categories[i] != categories[j]) for i, j in pairs])
    np.testing.assert_allclose(novelty(lists, counts), bits)
    np.testing.assert_allclose(diversity(lists, categories), apart, atol=1e-12)
    np.testing.assert_allclose(freshness(lists, counts, 3), fresh)
    np.testing.assert_allclose(churn(before, lists), changed)


def test_an_empty_catalogue_has_empty_lists():
    assert np.isnan(novelty(EMPTY, np.zeros(0))).all()
    assert np.isnan(diversity(EMPTY, np.zeros((0, 2), int))).all()


def test_items_without_categories_have_no_diversity():
    assert np.isnan(diversity(np.array([[0, 1]]), np.zeros((2, 0), int))).all()


def test_an_item_outside_of_the_catalogue_is_refused():
    with pytest.raises(InputError, match="item row 7, but the catalogue has 5 items"):
        coverage(np.array([[7]]), 5)
