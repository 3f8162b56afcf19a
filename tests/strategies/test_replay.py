import numpy as np

from tfrec.data.examples import Examples, Update
from tfrec.strategies.replay import Replay


def update_of(numbers):
    """An update whose examples carry their number in the stream as their only feature."""
    numbers = np.asarray(numbers)
    return Update(0, Examples({"number": numbers}, np.arange(len(numbers)), np.zeros(len(numbers), int)), {})


def test_an_unlimited_buffer_holds_exactly_the_rows_of_the_past():
    replay = Replay(size=100)
    for start in (0, 30, 60):
        replay.consolidate(None, update_of(np.arange(start, start + 30)))
    np.testing.assert_array_equal(replay.rows["number"][:90], np.arange(90))
    drawn = replay.augment({"number": np.full(4000, -1)})["number"]
    assert (drawn[:4000] == -1).all() and len(drawn) == 5000
    assert drawn[4000:].min() >= 0 and drawn[4000:].max() < 90


def test_a_full_buffer_is_a_uniform_sample_of_the_past():
    """Each of 60 rows stays in a buffer of 15 with probability 1/4: 400 buffers, mean 100, sd sqrt(400/4*3/4) = 8.7."""
    counts = np.zeros(60)
    for seed in range(400):
        replay = Replay(size=15, seed=seed)
        for start in range(0, 60, 20):
            replay.consolidate(None, update_of(np.arange(start, start + 20)))
        assert len(set(replay.rows["number"])) == 15
        counts[replay.rows["number"]] += 1
    assert np.abs(counts - 100).max() < 4.5 * 8.7


def test_before_anything_is_learned_batches_stay_as_they_are():
    batch = {"number": np.arange(8)}
    assert Replay().augment(batch) is batch


def test_the_ratio_says_how_many_rows_are_added():
    replay = Replay(size=10, ratio=0.5)
    replay.consolidate(None, update_of(np.arange(10)))
    assert len(replay.augment({"number": np.arange(8)})["number"]) == 12
