"""What is shown, how often, and whether the propensity says so."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec.errors import InputError
from tfrec.simulator.policy import Softmax, explore, smallest, uniform, without_replacement

WEIGHTS = np.array([5.0, 1.0, 2.0, 0.5, 1.5])
DRAWS = 20_000


def chance(slate, epsilon):
    """P(slate), position by position, as the docstring of `Softmax` has it."""
    product = 1.0
    for p, item in enumerate(slate):
        left = [j for j in range(len(WEIGHTS)) if j not in slate[:p]]
        product *= (1 - epsilon) * WEIGHTS[item] / WEIGHTS[left].sum() + epsilon / len(left)
    return product


def draw(epsilon, slate=3, n=DRAWS, seed=0, alike=False):
    rng = np.random.default_rng(seed)
    policy, weights = Softmax(epsilon=epsilon, slate=slate), np.tile(WEIGHTS.astype(np.float32), (n, 1))
    ranking = policy.alike(weights[0], n, rng) if alike else policy.ranking(weights, rng)
    rows, _ = explore(ranking, np.arange(5), slate, epsilon, rng)
    shown = np.take_along_axis(weights, rows, 1)
    return rows, policy.propensities(shown, weights.sum(1, dtype=float), len(WEIGHTS))


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_the_product_of_propensities_is_the_chance_of_the_slate(epsilon):
    rows, propensities = draw(epsilon, n=500)
    for slate, logged in zip(rows.tolist(), propensities, strict=True):
        assert np.prod(logged) == pytest.approx(chance(tuple(slate), epsilon), rel=1e-6)


@pytest.mark.parametrize("epsilon, alike", [(0.0, False), (0.3, False), (1.0, False), (0.0, True), (0.3, True)])
def test_slates_are_as_frequent_as_their_propensities_say(epsilon, alike):
    """All 60 ordered slates of 3 of 5 items; each count within 5 standard deviations."""
    rows, _ = draw(epsilon, alike=alike)
    code = rows @ [25, 5, 1]
    slates = list(permutations(range(5), 3))
    chances = np.array([chance(slate, epsilon) for slate in slates])
    assert chances.sum() == pytest.approx(1)
    counts = np.array([(code == np.dot(slate, [25, 5, 1])).sum() for slate in slates])
    assert counts.sum() == DRAWS
    assert (np.abs(counts - DRAWS * chances) <= 5 * np.sqrt(DRAWS * chances * (1 - chances)) + 1e-9).all()


class Grid:
    """In place of a generator: every one of `n ** slate` midpoints of a grid on `[0, 1) ** slate`, once."""

    def __init__(self, n):
        self.n = n

    def random(self, shape):
        numbers = np.indices((self.n,) * shape[1]).reshape(shape[1], -1).T
        assert len(numbers) == shape[0]
        return (numbers + 0.5) / self.n


def test_the_line_gives_each_slate_exactly_its_chance():
    """Each position's grid of n points has within one of `n * P(i | above)` points in the stretch of i."""
    n = 120
    drawn = without_replacement(WEIGHTS, n**2, 2, Grid(n)).reshape(n, n, 2)
    for first in range(5):
        here = drawn[:, :, 0] == first
        assert (here == here[:, :1]).all()
        assert abs(here[:, 0].sum() - n * WEIGHTS[first] / WEIGHTS.sum()) <= 1
        left = WEIGHTS.sum() - WEIGHTS[first]
        for second in set(range(5)) - {first}:
            count = (drawn[here[:, 0]][0, :, 1] == second).sum()
            assert abs(count - n * WEIGHTS[second] / left) <= 1


@pytest.mark.parametrize("largest", [1.0, 1e12, 1e30])
def test_a_row_has_each_place_once_however_uneven_the_weights_are(largest):
    """All of 6 places: those of weight 1 behind the large one are as likely as each other."""
    weights = np.array([1.0, largest, 1.0, 1.0, 1e-17, 1.0])
    drawn = without_replacement(weights, 5000, 6, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(drawn, axis=1), np.tile(np.arange(6), (5000, 1)))
    if largest > 1:
        assert (drawn[:, 0] == 1).all() and (drawn[:, 5] == 4).all()
        counts = np.bincount(drawn[:, 1], minlength=6)[[0, 2, 3, 5]]
        assert (np.abs(counts - 1250) < 5 * np.sqrt(5000 * 0.25 * 0.75)).all()


@pytest.mark.parametrize("share", [0.0, 1 - 2**-53])
def test_the_ends_of_the_line_are_no_place_twice(share):
    """The smallest and the largest number that a generator gives."""

    class Same:
        def random(self, shape):
            return np.full(shape, share)

    weights = np.random.default_rng(0).random(1000) + 1e-3
    drawn = without_replacement(weights, 1, 200, Same())[0]
    assert len(set(drawn)) == 200 and (np.diff(weights[drawn]) * (1 if share == 0 else -1) >= 0).all()


def test_propensities_of_all_candidates_sum_to_one_at_each_position():
    policy, rng = Softmax(epsilon=0.2, slate=4), np.random.default_rng(1)
    weights = rng.random((1, 30)).astype(np.float32)
    above = [7, 3, 22]
    candidates = [item for item in range(30) if item not in above]
    slates = np.array([[*above, item] for item in candidates])
    total = np.repeat(weights.sum(dtype=float), len(slates))
    propensities = policy.propensities(weights[0, slates], total, 30)
    assert propensities[:, 3].sum() == pytest.approx(1, rel=1e-6)
    first = policy.propensities(weights[0, np.arange(30)[:, None]], np.repeat(total[:1], 30), 30)
    assert first.sum() == pytest.approx(1, rel=1e-6)


def test_a_ranking_is_mixed_with_exploration_as_stated():
    """Ranking 4, 2, 0 of the items 0, 2, 4, 5, 8; epsilon 0.5, 2 positions.

    P(4, 2) = (0.5 + 0.5 / 5) * (0.5 + 0.5 / 4); P(2, 4) = 0.5 / 5 * (0.5 + 0.5 / 4), as 4 is the best that is left.
    """
    available = np.array([0, 2, 4, 5, 8])
    ranking = np.tile([4, 2, 0], (DRAWS, 1))
    rows, best = explore(ranking, available, 2, 0.5, np.random.default_rng(0))
    assert set(np.unique(rows)) == set(available) and (rows[:, 0] != rows[:, 1]).all()
    np.testing.assert_array_equal(best[:, 1], np.where(rows[:, 0] == 4, 2, 4))
    propensities = 0.5 * (rows == best) + 0.5 * uniform(5, 2)
    for slate, expected in {(4, 2): 0.6 * 0.625, (2, 4): 0.1 * 0.625, (8, 5): 0.1 * 0.125}.items():
        here = (rows == slate).all(1)
        assert abs(here.mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / DRAWS)
        np.testing.assert_allclose(propensities[here].prod(1), expected)


def test_without_exploration_the_ranking_is_shown():
    ranking = np.array([[3, 1, 2, 0], [0, 3, 1, 2]])
    rows, best = explore(ranking, np.arange(5), 3, 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(rows, ranking[:, :3])
    np.testing.assert_array_equal(best, rows)


@given(st.integers(1, 700), st.integers(1, 12), st.integers(0, 99))
def test_smallest_agrees_with_sorting(columns, k, seed):
    values = np.random.default_rng(seed).permutation(3 * columns).reshape(3, columns).astype(float)
    k = min(k, columns)
    np.testing.assert_array_equal(smallest(values, k, groups=16), values.argsort(1)[:, :k])


@pytest.mark.parametrize("knobs", [{"noise": -1}, {"epsilon": 1.5}, {"slate": 0}])
def test_a_knob_outside_of_its_range_is_named(knobs):
    with pytest.raises(InputError, match=f"policy.{next(iter(knobs))} is"):
        Softmax(**knobs)
