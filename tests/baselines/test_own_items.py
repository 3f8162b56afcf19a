"""Candidates above all other items."""

import numpy as np

from tfrec.baselines.own_items import above


def test_candidates_are_above_everything_else_in_their_order():
    fill = np.array([0.9, 0.5, 0.0, 0.1], np.float32)
    # Two candidates of the first request, none of the second, one of the third; -3 is the lowest and becomes 1.
    score = above(fill, np.array([2, 3, 0]), np.array([-3.0, -1.0, 2.0]), np.array([2, 0, 1]))
    expected = [[0.9, 0.5, 1, 3], [0.9, 0.5, 0, 0.1], [6, 0.5, 0, 0.1]]
    np.testing.assert_allclose(score(slice(0, 3)), expected, rtol=1e-6)
    np.testing.assert_array_equal(score(slice(1, 3)), score(slice(0, 3))[1:])


def test_without_candidates_only_the_fill_is_left():
    score = above(np.array([0.25, 0.5]), np.zeros(0, int), np.zeros(0), np.array([0, 0]))
    np.testing.assert_array_equal(score(slice(0, 2)), [[0.25, 0.5]] * 2)
