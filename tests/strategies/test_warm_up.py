"""The rate of each step, seen in what plain descent does."""

import numpy as np
import pytest
import tf_keras

from tests.strategies.test_weight_average import Slope
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.strategies.warm_up import WarmUp


def test_the_rate_rises_in_each_update_and_is_whole_after_it():
    """A slope of 1 and a rate of 1: steps of 1/4, 2/4, 3/4, 1, 1, so that w = -3.5; the next update begins anew."""
    model, strategy = Slope(), WarmUp(4)
    learner = Learner(model, tf_keras.optimizers.SGD(1.0), [strategy])
    batch = {"x": np.ones(4, np.float32)}
    learner.build(batch)
    for wanted in (-3.5, -3.75):
        strategy.prepare(learner, None)
        for _ in range(5 if wanted == -3.5 else 1):
            learner.step(batch)
        np.testing.assert_allclose(model.w.numpy(), wanted, rtol=1e-6)
        strategy.consolidate(learner, None)
        assert learner.optimizer.learning_rate.numpy() == 1.0


def test_the_rate_falls_along_half_a_cosine_and_is_whole_after_the_update():
    """A rise of one step, a fall of two to a half: rates 1, 1/2 + 1/2 * 1/2 = 3/4, 1/2, 1/2, so that w = -2.75."""
    model, strategy = Slope(), WarmUp(1, decay=2, floor=0.5)
    learner = Learner(model, tf_keras.optimizers.SGD(1.0), [strategy])
    batch = {"x": np.ones(4, np.float32)}
    learner.build(batch)
    strategy.prepare(learner, None)
    for _ in range(4):
        learner.step(batch)
    np.testing.assert_allclose(model.w.numpy(), -2.75, rtol=1e-6)
    strategy.consolidate(learner, None)
    assert learner.optimizer.learning_rate.numpy() == 1.0


def test_a_schedule_is_a_sentence():
    schedule = tf_keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    learner = Learner(Slope(), tf_keras.optimizers.SGD(schedule), [])
    with pytest.raises(InputError, match=r"optimizer\.learning_rate is a schedule, and strategy=warm_up"):
        WarmUp().prepare(learner, None)
    with pytest.raises(InputError, match=r"strategy\.warm_up\.steps is 0"):
        WarmUp(0)
    with pytest.raises(InputError, match=r"strategy\.warm_up\.decay is 0"):
        WarmUp(decay=0)
    with pytest.raises(InputError, match=r"strategy\.warm_up\.floor is 2"):
        WarmUp(floor=2)
