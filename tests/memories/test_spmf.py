import numpy as np

from tests.memories.offers import LEARNER, numbers, offered, update_of
from tfrec.memories.reservoir import Reservoir
from tfrec.memories.spmf import Spmf


def test_rows_are_drawn_in_proportion_to_exp_of_their_rank():
    """Losses 3, 1, 9, 2 have the ranks 3, 1, 4, 2 of 4: weights exp(3/4), exp(1/4), exp(1), exp(1/2).

    Of 20,000 draws the largest share, 0.36, has sd sqrt(20000 * 0.36 * 0.64) = 68.
    """
    update = update_of(range(4), loss=np.array([3, 1, 9, 2], np.float32))
    memory = offered(Spmf(10), update)
    memory.refresh(LEARNER, update)
    weight = np.exp(np.array([3, 1, 4, 2]) / 4)
    drawn = memory.take(memory.draw(20_000, np.random.default_rng(0)))["number"]
    assert np.abs(np.bincount(drawn) - 20_000 * weight / weight.sum()).max() < 4.5 * 68


def test_rows_are_kept_as_in_a_reservoir_and_drawn_evenly_until_they_are_ranked():
    update = update_of(range(40), loss=np.arange(40, dtype=np.float32))
    memory, other = (offered(kind(10), update) for kind in (Spmf, Reservoir))
    assert numbers(memory) == numbers(other)
    memory.refresh(LEARNER, update)
    shares = [np.bincount(memory.draw(9000, np.random.default_rng(0)), minlength=10)]
    offered(memory, update_of(range(40, 50), loss=np.zeros(10, np.float32)))
    shares.append(np.bincount(memory.draw(9000, np.random.default_rng(0)), minlength=10))
    assert np.abs(shares[0] - 900).max() > 200  # of rank 10: 900 * 10 e / sum(e^(n / 10)) = 1412
    assert np.abs(shares[1] - 900).max() < 4.5 * 28.5  # evenly: sd sqrt(9000 * 0.1 * 0.9)


def test_an_empty_memory_has_nothing_to_rank():
    memory = Spmf(5)
    memory.refresh(LEARNER, update_of(range(2)))
    assert len(memory) == 0
