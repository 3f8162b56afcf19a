"""The optimizer's state at the beginning of an update."""

import numpy as np
import pytest
import tf_keras

from tests.strategies.test_weight_average import Slope
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.strategies.slot_decay import SlotDecay

BATCH = {"x": np.ones(4, np.float32)}


def slots_after(optimizer, keep):
    """The slots after two steps with a gradient of 1, and what `prepare` makes of them; the number of steps too."""
    learner = Learner(Slope(), optimizer, [strategy := SlotDecay(keep)])
    for _ in range(2):
        learner.step(BATCH)
    strategy.prepare(learner, None)
    steps, *slots = (variable.numpy() for variable in optimizer.variables)
    return steps, slots


@pytest.mark.parametrize("keep, expected", [(1.0, 2.5), (0.5, 1.5), (0.0, 0.5)])
def test_adagrad_s_sum_goes_back_to_its_start(keep, expected):
    """0.5 at the start and two squares of 1: 2.5; half of the way back to 0.5 is 1.5."""
    steps, (total,) = slots_after(tf_keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.5), keep)
    assert total == pytest.approx(expected) and steps == 2


def test_adam_s_moments_do_as_well():
    """m = 1 - 0.9^2 = 0.19, v = 1 - 0.999^2 = 0.001999; a quarter of each."""
    steps, (m, v) = slots_after(tf_keras.optimizers.Adam(0.1), 0.25)
    assert m == pytest.approx(0.19 / 4, rel=1e-5) and v == pytest.approx(0.001999 / 4, rel=1e-3) and steps == 2


@pytest.mark.parametrize("keep", [-0.1, 1.1])
def test_a_share_out_of_range_is_a_sentence(keep):
    with pytest.raises(InputError, match=rf"strategy\.slot_decay\.keep is {keep}: choose from 0 to 1"):
        SlotDecay(keep)


def test_an_optimizer_without_memory_is_a_sentence():
    with pytest.raises(InputError, match="this one remembers nothing: leave the strategy out, or choose optimizer="):
        slots_after(tf_keras.optimizers.SGD(0.1), 0.5)
