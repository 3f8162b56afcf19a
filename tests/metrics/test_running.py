"""Running metrics of sets of events: what is remembered, and that it is the right set."""

import numpy as np
import pytest

from tfrec.errors import InputError
from tfrec.metrics import labels as label_metrics
from tfrec.metrics.prequential import LOSSES, OF_SETS, PrequentialEvaluator, average
from tfrec.metrics.running import RecentEvents

RNG = np.random.default_rng(0)
CLICKS, CHANCES, USERS = RNG.integers(0, 2, 300), RNG.uniform(0.01, 0.99, 300), RNG.integers(0, 9, 300)
STOPS = [0, 40, 41, 200, 300]


def periods(evaluator, scorer="eval", stops=STOPS):
    cuts = [slice(*cut) for cut in zip(stops, stops[1:], strict=False)]
    return [evaluator(scorer, CLICKS[cut], CHANCES[cut], USERS[cut]) for cut in cuts]


@pytest.mark.parametrize("name", OF_SETS)
@pytest.mark.parametrize("options", [{"window": 90}, {"window": 1000}, {"fading": 0.9}, {"fading": 0.999}])
def test_running_values_are_those_of_all_events_up_to_there(name, options):
    """With a window of the last so many of them, with fading of all: what is forgotten weighs too little to be seen."""
    found = periods(PrequentialEvaluator([name], **options))
    for value, stop in zip(found, STOPS[1:], strict=True):
        start = max(0, stop - options.get("window", 300))
        weights = options.get("fading", 1.0) ** np.arange(stop - start)[::-1]
        cut = slice(start, stop)
        expected = OF_SETS[name](CLICKS[cut], CHANCES[cut], weights, USERS[cut])
        assert value[f"running/{name}"] == pytest.approx(expected, abs=2e-4 if options.get("fading") == 0.9 else 1e-12)


def test_period_values_are_those_of_the_period():
    names = [*LOSSES, *OF_SETS]
    for value, start, stop in zip(periods(PrequentialEvaluator(names)), STOPS, STOPS[1:], strict=False):
        for name, metric in label_metrics.METRICS.items():
            expected = metric(CLICKS[start:stop], CHANCES[start:stop], None, USERS[start:stop])
            assert value[name] == pytest.approx(expected, nan_ok=True)


def test_without_forgetting_sets_have_no_running_value_and_nothing_is_kept():
    evaluator = PrequentialEvaluator(["auc", "log_loss"])
    assert all(set(value) == {"auc", "log_loss", "running/log_loss"} for value in periods(evaluator))
    assert evaluator.recent == {}


@pytest.mark.parametrize("options, kept", [({"window": 70}, 70), ({"fading": 0.9}, 132), ({"fading": 1e-9}, 1)])
def test_memory_is_bounded(options, kept):
    """.9^131 = 1.01e-6 is above 1e-6, .9^132 is not: ages 0 to 131."""
    recent = RecentEvents(**options)
    for cut in (slice(0, 50), slice(50, 300)):
        recent.update(CLICKS[cut], CHANCES[cut], USERS[cut])
    assert recent.events.shape == (3, kept)
    np.testing.assert_array_equal(recent.events, np.stack([CLICKS, CHANCES, USERS])[:, -kept:])


@pytest.mark.parametrize("options", [{}, {"fading": 0.95}, {"window": 70}])
def test_it_goes_on_from_its_state(options, tmp_path):
    metrics, scorers = ["auc", "gauc", "ece", "log_loss"], ("eval", "baseline/running_mean")
    whole, resumed = (PrequentialEvaluator(metrics, **options) for _ in range(2))
    for scorer in scorers:
        periods(whole, scorer, [0, 120])
    np.savez(tmp_path / "state.npz", **whole.state())
    with np.load(tmp_path / "state.npz") as arrays:
        resumed.restore(dict(arrays))
    for scorer in scorers:
        assert periods(resumed, scorer, [120, 200, 300]) == periods(whole, scorer, [120, 200, 300])


def test_a_period_without_a_value_has_no_weight():
    values, events = np.array([0.5, np.nan, 0.8]), np.array([10, 1000, 30])
    assert average("auc", values, events) == pytest.approx((0.5 * 10 + 0.8 * 30) / 40)
    assert average("rmse", values, events) == pytest.approx(((0.25 * 10 + 0.64 * 30) / 40) ** 0.5)
    assert np.isnan(average("auc", values[1:2], events[1:2]))


def test_gauc_without_users_is_refused():
    with pytest.raises(InputError, match="gauc takes the users"):
        PrequentialEvaluator(["gauc"])("eval", CLICKS, CHANCES)
