import numpy as np

from tfrec.memories.groups import ranks_within, sizes


def test_ranks_within_groups_against_a_loop():
    rng = np.random.default_rng(0)
    groups, values = rng.integers(0, 6, 50), rng.integers(0, 9, 50)
    for n, rank in enumerate(ranks_within(groups, values)):
        own = groups == groups[n]
        assert rank == (own & (values < values[n])).sum() + (own & (values == values[n]))[:n].sum()


def test_sizes_of_groups():
    assert sizes(np.array([7, 3, 7, 7])).tolist() == [3, 1, 3, 3]
    assert sizes(np.zeros(0, int)).tolist() == []
