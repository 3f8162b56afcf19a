import numpy as np

from tests.memories.offers import LEARNER, offered, update_of
from tfrec.memories.loss_based import LossBased, row_losses


def counts(power, losses, size):
    """In how many of 400 memories each row is after two updates."""
    found, half = np.zeros(len(losses)), len(losses) // 2
    losses = np.asarray(losses, np.float32)
    for seed in range(400):
        parts = [np.arange(half), np.arange(half, len(losses))]
        updates = [update_of(part, loss=losses[part]) for part in parts]
        found[offered(LossBased(power, size, seed=seed), *updates).kept()["number"]] += 1
    return found


def test_a_power_of_0_is_a_uniform_sample():
    """5 of 20 rows: mean 100 of 400, sd 8.7, whatever the losses."""
    assert np.abs(counts(0.0, np.arange(1, 21), 5) - 100).max() < 4.5 * 8.7


def test_one_place_is_taken_in_proportion_to_the_loss():
    """Losses 1, 2, 3, 4 in one place: shares 0.1 .. 0.4 of 400, sd at most sqrt(400 * 0.4 * 0.6) = 9.8; of squared
    losses 1/30, 4/30, 9/30 and 16/30, sd at most 10."""
    assert np.abs(counts(1.0, [1, 2, 3, 4], 1) - [40, 80, 120, 160]).max() < 4 * 9.8
    assert np.abs(counts(2.0, [1, 2, 3, 4], 1) - np.array([1, 4, 9, 16]) / 30 * 400).max() < 4 * 10


def test_rows_of_a_high_loss_are_kept_more_often():
    """A uniform sample keeps each 100 times; those of loss 10 are kept more than twice as often as those of 1."""
    found = counts(1.0, [10] * 10 + [1] * 10, 5)
    assert found[:10].min() > 2 * found[10:].max()


def test_a_row_without_any_loss_can_be_kept():
    update = update_of(np.arange(4), loss=np.zeros(4, np.float32))
    assert len(offered(LossBased(size=3), update)) == 3


def test_the_loss_of_a_row_is_the_sum_over_tasks():
    losses = np.array([1, 2.5], np.float32)
    np.testing.assert_array_equal(row_losses(LEARNER.model, {"loss": losses}), losses)
