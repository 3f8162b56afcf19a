import numpy as np
import pytest

from tfrec.baselines.running_mean import RunningMean
from tfrec.data.examples import Examples
from tfrec.errors import InputError


def labelled(**labels):
    ids = np.arange(len(next(iter(labels.values()))))
    return Examples({"user": ids}, ids, ids, {name: np.asarray(values) for name, values in labels.items()})


def test_each_event_is_predicted_by_the_mean_of_those_before_it():
    """Nothing, 4, (4 + 2) / 2; then in the next period (4 + 2 + 3) / 3 and (4 + 2 + 3 + 5) / 4."""
    mean = RunningMean()
    assert mean.predict_then_learn(labelled(rating=[4, 2, 3]), "rating").tolist() == [0, 4, 3]
    assert mean.predict_then_learn(labelled(rating=[5, 1]), "rating").tolist() == [3, 3.5]


def test_it_goes_on_from_its_state():
    rng = np.random.default_rng(0)
    first, second = (labelled(click=rng.random(50)) for _ in range(2))
    whole, resumed = RunningMean(), RunningMean()
    whole.predict_then_learn(first, "click")
    resumed.restore(whole.state())
    one, two = (mean.predict_then_learn(second, "click") for mean in (whole, resumed))
    np.testing.assert_array_equal(one, two)


def test_it_ranks_nothing():
    with pytest.raises(InputError, match="predicts labels and ranks nothing"):
        RunningMean().score(None, np.array([0]))
