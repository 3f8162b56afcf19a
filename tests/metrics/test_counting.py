import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.metrics.counting import best, count_ahead, count_all_ahead

LOWEST = float(np.finfo(np.float32).min)


@pytest.mark.parametrize("columns", [1, 31, 32, 33, 1000])
@pytest.mark.parametrize("depth", [1, 7, 100])
@pytest.mark.parametrize("levels", [1, 3, 10_000])  # of score: all tied, many ties, hardly any
def test_best_is_a_stable_sort_cut_off(columns, depth, levels):
    scores = np.random.default_rng(columns).integers(0, levels, (5, columns)).astype(np.float32)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    top, items = best(tf.constant(scores), depth)
    np.testing.assert_array_equal(items, order)
    np.testing.assert_array_equal(top, np.take_along_axis(scores, order, axis=1))


def counted_by_hand(scores, bought, user, item, ties):
    """Of each target, the candidates before it and beside it, among those bought and among the others."""
    counts = []
    for u, i in zip(user, item, strict=True):
        mine = set(bought[u]) - {-1}
        others = [c for c in range(scores.shape[1]) if c != i]
        equal = [c for c in others if scores[u, c] == scores[u, i]]
        before = [c for c in others if scores[u, c] > scores[u, i]] + [c for c in equal if c < i and not ties]
        beside = equal if ties else []
        counts.append([sum((c in mine) == old for c in some) for some in (before, beside) for old in (True, False)])
    return np.array(counts).T


@st.composite
def blocks(draw):
    """Scores with many ties, purchases of different lengths, and targets of which some were bought."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 150))
    levels = draw(st.sampled_from([1, 3, 20, 10_000]))
    scores = rng.integers(0, levels, (rows, columns)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.1] = LOWEST  # as some scorers mark what they would not show
    bought = np.full((rows, draw(st.integers(1, columns))), -1, np.int32)
    for row in bought:
        size = rng.integers(0, len(row) + 1)
        row[:size] = rng.permutation(columns)[:size]
    user = np.sort(rng.integers(0, rows, 12)).astype(np.int32)
    return scores, bought, user, rng.integers(0, columns, 12).astype(np.int32)


@settings(max_examples=60, deadline=None)
@given(blocks(), st.sampled_from([1, 5, 100]), st.booleans())
def test_candidates_before_each_target_are_those_of_a_full_comparison(block, depth, ties):
    """`count_ahead` up to its depth, beyond which it need only say that the target is not among the best."""
    tensors = [tf.constant(part) for part in block]
    old, new, old_beside, new_beside = counted_by_hand(*block, ties)
    for found, exact in ((count_ahead(*tensors, depth, ties), depth), (count_all_ahead(*tensors, ties), np.inf)):
        np.testing.assert_array_equal(found[0], old)
        np.testing.assert_array_equal(np.minimum(found[1], exact), np.minimum(new, exact))
        np.testing.assert_array_equal(found[2], old_beside)
        np.testing.assert_array_equal(found[3].numpy()[new < exact], new_beside[new < exact])
