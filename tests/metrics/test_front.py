import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfrec.metrics.front import front


def test_who_is_beaten():
    """By cost: 1 (cheapest), 2 (worse than it), 3 (the best), 3 (worse at the same cost), 4 (as good, dearer)."""
    assert front([0.5, 0.4, 0.9, 0.8, 0.9], [1, 2, 3, 3, 4]).tolist() == [True, False, True, False, False]


def test_equal_methods_do_not_beat_each_other():
    assert front([0.5, 0.5], [1, 1]).tolist() == [True, True]


def test_without_a_cost_nobody_is_on_the_front_or_beaten():
    assert front([0.9, 0.5, 0.4], [np.nan, 2, 1]).tolist() == [False, True, True]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_as_by_the_definition(points):
    quality, cost = np.array(points).T
    for i, on_front in enumerate(front(quality, cost)):
        beaten = any(
            q >= quality[i] and c <= cost[i] and (q > quality[i] or c < cost[i])
            for q, c in zip(quality, cost, strict=True)
        )
        assert on_front == (not beaten)
