import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import metrics, utils

from tfrec.errors import InputError
from tfrec.metrics.prequential import LOSSES, PrequentialEvaluator, average
from tfrec.metrics.running import PrequentialMean

RNG = np.random.default_rng(0)
RATINGS, GUESSES = RNG.integers(1, 6, 200), RNG.uniform(1, 5, 200)
CLICKS, CHANCES = RNG.integers(0, 2, 200), RNG.uniform(0.01, 0.99, 200)


def test_errors_of_three_ratings():
    """Errors 1, -2, 0: mean absolute (1 + 2 + 0) / 3, root mean square sqrt((1 + 4 + 0) / 3)."""
    values = PrequentialEvaluator(["mae", "rmse"])("eval", np.array([4, 2, 5]), np.array([3.0, 4.0, 5.0]))
    assert values == pytest.approx({"mae": 1, "running/mae": 1, "rmse": (5 / 3) ** 0.5, "running/rmse": (5 / 3) ** 0.5})


def test_errors_of_three_clicks():
    """-log .8, -log (1 - .4), -log .25; the last is wrong at the threshold of a half."""
    values = PrequentialEvaluator(["log_loss", "accuracy"])("eval", np.array([1, 0, 1]), np.array([0.8, 0.4, 0.25]))
    assert values["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.6) + np.log(0.25)) / 3)
    assert values["accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "name, oracle, labels, predictions",
    [
        ("mae", metrics.MAE, RATINGS, GUESSES),
        ("rmse", metrics.RMSE, RATINGS, GUESSES),
        ("log_loss", metrics.LogLoss, CLICKS, CHANCES),
        ("accuracy", metrics.Accuracy, CLICKS, CHANCES),
    ],
)
@pytest.mark.parametrize("window", [None, 1, 17, 1000])
def test_river_says_the_same(name, oracle, labels, predictions, window):
    """After every event, over the whole stream or a window of it, in periods of one to five events."""
    ours = PrequentialEvaluator([name], window=window)
    theirs = oracle() if window is None else utils.Rolling(oracle, window_size=window)
    stops = np.cumsum(np.random.default_rng(1).integers(1, 6, 60))
    for start, stop in zip(stops, stops[1:], strict=False):
        for y, p in zip(labels[start:stop].tolist(), predictions[start:stop].tolist(), strict=True):
            theirs.update(bool(y) if labels is CLICKS else y, p >= 0.5 if name == "accuracy" else p)
        value = ours("eval", labels[start:stop], predictions[start:stop])[f"running/{name}"]
        assert value == pytest.approx(theirs.get(), rel=1e-9)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.floats(0.5, 1), st.data())
@settings(max_examples=50, deadline=None)
def test_fading_is_the_recursion_wherever_periods_are_cut(losses, fading, data):
    """S <- L + fading S, B <- 1 + fading B (Gama et al., 2013), one event after the other."""
    cut = data.draw(st.integers(0, len(losses) - 1))
    total = weight = 0.0
    for loss in losses:
        total, weight = loss + fading * total, 1 + fading * weight
    mean = PrequentialMean(fading)
    if cut:
        mean.update(np.array(losses[:cut]))
    assert mean.update(np.array(losses[cut:])) == pytest.approx(total / weight, rel=1e-9, abs=1e-12)


def test_a_faded_mean_follows_a_change_that_the_mean_of_all_hides():
    """500 losses of 0, then 100 of 1: 100 / 600 in the mean of all; 1 - .95^100 > .99 of the faded weight is new."""
    losses = np.repeat([0.0, 1.0], [500, 100])
    assert PrequentialMean().update(losses) == pytest.approx(1 / 6)
    assert PrequentialMean(fading=0.95).update(losses) > 0.99


@pytest.mark.parametrize("options", [{}, {"fading": 0.9}, {"window": 7}])
def test_it_goes_on_from_its_state(options, tmp_path):
    whole = PrequentialEvaluator(**options)
    for scorer in ("eval", "baseline/running_mean"):
        whole(scorer, RATINGS[:100], GUESSES[:100])
    np.savez(tmp_path / "state.npz", **whole.state())
    resumed = PrequentialEvaluator(**options)
    with np.load(tmp_path / "state.npz") as arrays:
        resumed.restore(dict(arrays))
    for scorer in ("eval", "baseline/running_mean"):
        assert resumed(scorer, RATINGS[100:], GUESSES[100:]) == whole(scorer, RATINGS[100:], GUESSES[100:])


@pytest.mark.parametrize("name", LOSSES)
def test_parts_average_to_the_whole(name):
    evaluator = PrequentialEvaluator([name])
    parts = [evaluator("eval", CLICKS[cut], CHANCES[cut])[name] for cut in (slice(0, 30), slice(30, 200))]
    whole = PrequentialEvaluator([name])("eval", CLICKS, CHANCES)[name]
    assert average(name, np.array(parts), np.array([30, 170])) == pytest.approx(whole)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"metrics": "mae"}, "write a list"),
        ({"metrics": []}, "write a list"),
        ({"metrics": ["mae", "ndcg@10"]}, "per event there are mae, rmse"),
        ({"fading": 0.0}, "evaluate.fading is 0.0"),
        ({"fading": 1.5}, "evaluate.fading is 1.5"),
        ({"window": 0}, "evaluate.window is 0"),
        ({"fading": 0.9, "window": 5}, "choose one of them"),
    ],
)
def test_errors_name_what_to_do(options, sentence):
    with pytest.raises(InputError, match=sentence):
        PrequentialEvaluator(**options)


@pytest.mark.parametrize("name", ["log_loss", "accuracy"])
def test_ratings_are_no_clicks(name):
    with pytest.raises(InputError, match=r"A label is 4.*choose evaluate.metrics=\[mae,rmse\]"):
        PrequentialEvaluator([name])("eval", np.array([1, 4]), np.array([0.5, 0.5]))
