"""Rows that are brought up to date when they are asked for, against one whole matrix that is in every period."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tfrec.data.frequency import Frequency


def whole(periods, decay, shape):
    """`f = decay * f + bought`, in every period, for all."""
    matrix = sparse.csr_matrix(shape)
    for users, items in periods:
        bought = sparse.csr_matrix((np.ones(len(users)), (users, items)), shape=shape)
        bought.data[:] = 1
        matrix = matrix * decay + bought
    return matrix


def some_periods(seed, n=12, users=30, items=40):
    """Users appear in order, as in a history; some periods have no events."""
    rng, periods = np.random.default_rng(seed), []
    for t in range(n):
        size = rng.integers(0, 60) * (t % 5 != 3)
        known = min(users, 3 * (t + 1))
        periods.append((rng.integers(0, known, size).astype(np.int32), rng.integers(0, items, size).astype(np.int32)))
    return periods


@given(st.integers(0, 200), st.sampled_from([1.0, 0.93, 0.5, 1e-30]), st.integers(1, 4))
def test_rows_are_bit_for_bit_those_of_the_whole_matrix(seed, decay, every):
    """Asked for some users now and then, in any order and twice, and for users that are not there; 1e-30 underflows."""
    rng, periods, kept = np.random.default_rng(seed), some_periods(seed), Frequency(decay)
    for t, (users, items) in enumerate(periods, start=1):
        kept.advance(users, items)
        if t % every == 0:
            asked = rng.integers(-1, 32, 20)
            found, expected = kept.rows(asked, 40), whole(periods[:t], decay, (33, 40))
            expected = expected[np.where(asked < 0, 32, asked)]
            np.testing.assert_array_equal(found.indptr, expected.indptr)
            np.testing.assert_array_equal(found.indices, expected.indices)
            np.testing.assert_array_equal(found.data, expected.data)


@pytest.mark.parametrize("decay", [1.0, 1e-30])
def test_what_was_bought_is_known_however_long_ago(decay):
    periods, kept = some_periods(1), Frequency(decay)
    for users, items in periods:
        kept.advance(users, items)
    asked = np.array([4, -1, 0, 4, 99])
    ever = whole(periods, 1.0, (100, 40))
    for user, bought in zip(asked, kept.bought(asked), strict=True):
        assert bought.tolist() == (ever[user].indices.tolist() if user >= 0 else [])


def test_a_copy_stands_still_and_what_is_told_is_a_copy():
    periods, kept = some_periods(2), Frequency(0.9)
    for users, items in periods[:6]:
        kept.advance(users, items)
    twin, everybody = kept.copy(), np.arange(30)
    kept.rows(everybody, 40).data[:] = 7
    for users, items in periods[6:]:
        kept.advance(users, items)
    for one, until in ((twin, 6), (kept, 12)):
        assert (one.rows(everybody, 40) != whole(periods[:until], 0.9, (30, 40))).nnz == 0
