import numpy as np
import pytest
import tensorflow as tf

from tfrec.metrics.counting import best


@pytest.mark.parametrize("columns", [1, 63, 64, 65, 1000])
@pytest.mark.parametrize("depth", [1, 7, 100])
@pytest.mark.parametrize("levels", [1, 3, 10_000])  # of score: all tied, many ties, hardly any
def test_best_is_a_stable_sort_cut_off(columns, depth, levels):
    scores = np.random.default_rng(columns).integers(0, levels, (5, columns)).astype(np.float32)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    top, items = best(tf.constant(scores), depth)
    np.testing.assert_array_equal(items, order)
    np.testing.assert_array_equal(top, np.take_along_axis(scores, order, axis=1))
