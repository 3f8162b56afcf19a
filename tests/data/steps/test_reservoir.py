import numpy as np
from scipy import stats

from tfrec.data.steps.reservoir import Reservoir


def test_an_unfilled_reservoir_holds_everything_of_each_group_in_order():
    reservoir = Reservoir(size=5)
    reservoir.add(np.array([1.0, 2, 3, np.nan]), np.array([2, 0, 2, 1]))
    reservoir.add(np.array([4.0]), np.array([2]))
    assert [reservoir.sample(group).tolist() for group in range(4)] == [[2], [], [1, 3, 4], []]
    assert reservoir.seen == 4


def test_a_full_reservoir_is_a_uniform_sample_of_each_group():
    """Of 40 values of each of two groups 10 stay: 400 times 1/4 = 100 on average, sd sqrt(400/4*3/4) = 8.7."""
    counts = np.zeros(80)
    for seed in range(400):
        reservoir = Reservoir(size=10, seed=seed)
        for start in range(0, 80, 16):  # the groups take turns
            numbers = np.arange(start, start + 16)
            reservoir.add(numbers.astype(float), numbers % 2)
        for group in (0, 1):
            sample = reservoir.sample(group).astype(int)
            assert len(set(sample)) == 10 and (sample % 2 == group).all()
            counts[sample] += 1
    assert np.abs(counts - 100).max() < 4.5 * 8.7


def test_the_sample_depends_on_the_seed_and_on_nothing_else():
    samples = []
    for seed in (3, 3, 4):
        reservoir = Reservoir(size=10, seed=seed)
        reservoir.add(np.arange(1000.0))
        samples.append(reservoir.sample().tolist())
    assert samples[0] == samples[1] != samples[2]


def test_the_sample_looks_like_the_past_not_like_its_end():
    """1000 of 100,000 growing values against the uniform distribution: Kolmogorov and Smirnov see no difference."""
    reservoir = Reservoir(size=1000, seed=1)
    for start in range(0, 100_000, 5000):
        reservoir.add(np.arange(start, start + 5000) / 100_000)
    assert stats.kstest(reservoir.sample(), "uniform").pvalue > 0.01


def test_medians_are_those_of_the_samples():
    rng = np.random.default_rng(0)
    reservoir = Reservoir(size=8)
    reservoir.add(rng.normal(size=60), rng.integers(0, 12, 60))
    groups = np.array([g for g in range(12) if len(reservoir.sample(g))])[::-1]
    expected = [np.median(reservoir.sample(group)) for group in groups]
    np.testing.assert_array_equal(reservoir.medians(groups), expected)


def test_one_value_a_group():
    reservoir = Reservoir(size=1)
    reservoir.add(np.array([3.0, 5.0]), np.array([0, 1]))
    assert reservoir.medians(np.array([1, 0])).tolist() == [5, 3]
