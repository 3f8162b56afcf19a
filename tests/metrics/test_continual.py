import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfrec.errors import InputError
from tfrec.metrics.continual import (
    backward_transfer,
    forgetting,
    forgetting_from_first,
    forward_transfer,
    gap_closed,
    h_mean,
    learning_accuracy,
    regret,
    retained_accuracy,
    staleness,
)

# Weights after periods 0, 1, 2, on periods 0, 1, 2.
SQUARE = pd.DataFrame([[0.50, 0.2, 0.1], [0.55, 0.6, 0.3], [0.30, 0.5, 0.7]])
# Weights after a base that ends with period 2, and after 3 and 4, on periods 3, 4, 5.
STREAM = pd.DataFrame(
    [[0.30, 0.2, 0.1], [0.50, 0.4, 0.2], [0.45, 0.6, 0.3]], index=pd.Index([2, 3, 4]), columns=pd.Index([3, 4, 5])
)


def test_a_square_by_hand():
    assert learning_accuracy(SQUARE) == pytest.approx((0.5 + 0.6 + 0.7) / 3)
    assert retained_accuracy(SQUARE) == pytest.approx((0.3 + 0.5 + 0.7) / 3)
    assert h_mean(SQUARE) == pytest.approx(2 * 0.6 * 0.5 / (0.6 + 0.5))
    # period 0 was known best after period 1, before the last
    assert forgetting(SQUARE) == pytest.approx(((0.55 - 0.3) + (0.6 - 0.5)) / 2)
    assert forgetting_from_first(SQUARE) == pytest.approx(((0.5 - 0.3) + (0.6 - 0.5)) / 2)
    assert backward_transfer(SQUARE) == pytest.approx(-0.15)
    reference = pd.Series({0: 9.0, 1: 0.1, 2: 0.15})  # nothing had been learned before period 0
    assert forward_transfer(SQUARE, reference) == pytest.approx(((0.2 - 0.1) + (0.3 - 0.15)) / 2)
    assert staleness(SQUARE, 0).tolist() == pytest.approx([(0.2 + 0.3) / 2])
    assert staleness(SQUARE).to_dict() == pytest.approx({0: 0.3, 1: 0.1})  # period 2 alone has both


def test_a_stream_after_a_base_by_hand():
    """Nothing has learned period 5, and no row stands for period 3 before the base."""
    assert learning_accuracy(STREAM) == pytest.approx((0.5 + 0.6) / 2)
    assert retained_accuracy(STREAM) == pytest.approx((0.45 + 0.6) / 2)
    assert forgetting(STREAM) == pytest.approx(0.5 - 0.45)
    assert backward_transfer(STREAM) == pytest.approx(0.45 - 0.5)
    reference = pd.Series(0.1, index=[3, 4, 5])
    assert forward_transfer(STREAM, reference) == pytest.approx((0.3 + 0.4 + 0.3) / 3 - 0.1)
    assert staleness(STREAM, 1).tolist() == pytest.approx([(0.4 + 0.3) / 2, (0.2 + 0.2) / 2])  # periods 4 and 5
    assert staleness(STREAM, 2).tolist() == pytest.approx([0.3, 0.2, 0.1])
    assert staleness(STREAM, 3).isna().all()


def test_the_table_of_a_run():
    table = STREAM.rename_axis("learned").melt(ignore_index=False, var_name="scored", value_name="all/ndcg@10")
    table = table.reset_index().sample(frac=1, random_state=0)
    matrix = table.pivot(index="learned", columns="scored", values="all/ndcg@10")
    assert learning_accuracy(matrix) == pytest.approx(0.55)
    assert staleness(matrix, 1).tolist() == pytest.approx([0.35, 0.2])


@given(st.floats(0.01, 1), st.integers(2, 6), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_where_nothing_changes_nothing_is_forgotten(value, n, first):
    a = pd.DataFrame(np.full((n, n), value), index=first + np.arange(n), columns=first + np.arange(n))
    assert forgetting(a) == forgetting_from_first(a) == backward_transfer(a) == 0
    assert [learning_accuracy(a), retained_accuracy(a), h_mean(a)] == pytest.approx([value] * 3)
    assert forward_transfer(a, a.iloc[0]) == 0
    assert staleness(a).to_numpy() == pytest.approx([value] * ((n - 1) // 2 + 1))


@given(arrays(float, (4, 5), elements=st.floats(0, 1) | st.just(np.nan)), st.permutations(range(4)))
@settings(max_examples=200, deadline=None)
def test_plain_loops_say_the_same(cells, order):
    """Weights after 3, 4, 5, 7 (no update at 6), on periods 3 to 7; cells are missing, rows are in any order."""
    rows, columns = [3, 4, 5, 7], [3, 4, 5, 6, 7]
    a = {(i, j): cells[x, y] for x, i in enumerate(rows) for y, j in enumerate(columns)}
    matrix = pd.DataFrame(cells, rows, columns).iloc[list(order)]

    def mean(values):
        values = [value for value in values if not np.isnan(value)]
        return np.mean(values) if values else np.nan

    def best(j):
        return max((a[i, j] for i in rows[:-1] if not np.isnan(a[i, j])), default=np.nan)

    def aged(d):
        kept = [j for j in columns if not np.isnan([a.get((j - 1 - e, j), np.nan) for e in range(3)]).any()]
        return mean(a[j - 1 - d, j] for j in kept)

    learned = [j for j in columns if j in rows]
    expected = {
        learning_accuracy: mean(a[j, j] for j in learned),
        retained_accuracy: mean(a[7, j] for j in columns),
        forgetting: mean(best(j) - a[7, j] for j in columns[:-1]),
        backward_transfer: mean(a[7, j] - a[j, j] for j in learned[:-1]),
    }
    for metric, value in expected.items():
        assert metric(matrix) == pytest.approx(value, nan_ok=True), metric.__name__
    np.testing.assert_allclose(staleness(matrix, 2), [aged(0), aged(1), aged(2)])
    reference = pd.Series(np.arange(5.0), columns)
    found = mean(a[j - 1, j] - reference[j] for j in columns if j - 1 in rows)
    assert forward_transfer(matrix, reference) == pytest.approx(found, nan_ok=True)


def test_one_update_has_forgotten_nothing_that_is_known():
    assert np.isnan(forgetting(STREAM.iloc[:1])) and np.isnan(backward_transfer(STREAM.iloc[:1]))
    assert h_mean(SQUARE * 0) == 0


def test_regret_and_the_gap():
    full, this = pd.Series({3: 0.5, 4: 0.6, 5: 0.9}), pd.Series({4: 0.5, 3: 0.3})
    assert regret(full, this) == pytest.approx((0.2 + 0.1) / 2)  # of the periods that both have
    assert gap_closed(0.25, fine_tuning=0.2, full=0.3) == pytest.approx(0.5)
    assert gap_closed(0.1, fine_tuning=0.2, full=0.3) == pytest.approx(-1)
    assert np.isnan(gap_closed(0.3, fine_tuning=0.2, full=0.2)) and np.isnan(gap_closed(0.3, 0.2, 0.1))


def test_a_curve_of_ages_below_0_is_refused():
    with pytest.raises(InputError, match="choose 0 or more"):
        staleness(STREAM, -1)
