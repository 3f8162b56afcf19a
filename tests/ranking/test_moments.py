"""Running means and deviations against numpy over all rows at once."""

import numpy as np

from tfrec.ranking.moments import Moments

ROWS = np.random.default_rng(0).normal([0, 100, -3], [1, 20, 0.01], (60, 3)).astype(np.float32)


def seen(*parts):
    moments = Moments()
    for part in parts:
        moments.observe(part)
    return moments


def test_columns_become_those_of_mean_0_and_deviation_1_of_all_rows_seen():
    new = np.random.default_rng(1).normal([0, 100, -3], [1, 20, 0.01], (4, 5, 3)).astype(np.float32)
    expected = (new - ROWS.astype(float).mean(axis=0)) / ROWS.astype(float).std(axis=0)
    found = seen(ROWS[:7], ROWS[7:])(new)
    np.testing.assert_allclose(found, np.clip(expected, -6, 6), rtol=1e-3, atol=1e-4)
    assert found.dtype == np.float32


def test_neither_the_order_nor_the_parts_matter():
    shuffled = np.random.default_rng(2).permutation(ROWS)
    np.testing.assert_allclose(seen(ROWS)(ROWS), seen(shuffled[:20], shuffled[20:21], shuffled[21:])(ROWS), atol=1e-4)


def test_by_hand():
    # rows 1 and 3: mean 2, deviation 1; so 4 is 2, 100 is cut off at 6 and -100 at -6; the second column never varied
    found = seen(np.float32([[1, 5], [3, 5]]))(np.float32([[4, 5], [100, 7], [-100, 0]]))
    np.testing.assert_array_equal(found, [[2, 0], [6, 0], [-6, 0]])


def test_without_rows_all_is_0_and_no_rows_change_nothing():
    assert not Moments()(ROWS).any()
    np.testing.assert_array_equal(seen(np.zeros((0, 9)), ROWS, np.zeros((0, 3)))(ROWS), seen(ROWS)(ROWS))


def test_what_is_given_stays_as_it_is():
    rows = ROWS.copy()
    seen(rows)(rows)
    np.testing.assert_array_equal(rows, ROWS)
