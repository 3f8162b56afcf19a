"""Chance that repeats: uniform, independent of blocks and of what else there is, different for everybody."""

import numpy as np
import pytest
from scipy import stats

from tests.baselines.histories import history_of
from tfrec.baselines.random import Random, mixed
from tfrec.data.requests import Requests
from tfrec.errors import InputError

ITEMS = [(1, f"item {i}") for i in range(500)]
USERS = np.array([f"user {u}" for u in range(40)], object)


def scores(seed=0, periods=1, users=USERS, items=ITEMS):
    history = history_of(*[items] * periods)
    requests = Requests(np.full(len(users), -1), users)
    return Random(seed).score(history, requests)(slice(None))


def test_the_mixing_function_gives_the_published_numbers():
    """The first numbers of SplitMix64 from seed 1234567, as listed with its reference implementation; each step adds
    the constant, so that the n-th is the mix of seed + (n - 1) times it."""
    steps = np.arange(3, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1234567)
    assert mixed(steps).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_it_repeats_and_another_seed_period_or_user_is_another_order():
    one = scores()
    np.testing.assert_array_equal(one, scores())
    others = [scores(seed=1), scores(periods=2), np.roll(one, 1, axis=0)]
    for other in others:
        # of 20,000 pairs of independent uniform numbers the correlation is below 4 / sqrt(20,000)
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(one.size)


def test_scores_are_uniform_between_0_and_1():
    values = scores()
    assert values.dtype == np.float32 and values.min() >= 0 and values.max() < 1
    assert stats.kstest(values.ravel(), "uniform").pvalue > 1e-3


def test_a_score_depends_on_its_own_user_and_item_alone():
    whole, few = scores(), scores(users=USERS[7:9], items=ITEMS[::-1][:50])
    np.testing.assert_array_equal(few, whole[7:9, ::-1][:, :50])


def test_blocks_are_rows_of_the_whole():
    requests = Requests(np.arange(-1, 1))
    block = Random().score(history_of(ITEMS), requests)
    np.testing.assert_array_equal(block(slice(1, 2)), block(slice(None))[1:])


def test_a_negative_seed_is_refused():
    with pytest.raises(InputError, match="baseline.random.seed is -1"):
        Random(-1)
