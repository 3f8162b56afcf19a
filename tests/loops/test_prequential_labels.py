"""Labels of 0 and 1 event by event: metrics of sets of events, and of each user's own."""

import numpy as np
import pandas as pd
import pytest

from tests.loops.test_prequential import Recorder, make_state, run
from tests.toy import make_ratings
from tfrec.data.interactions import Interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.metrics import labels as label_metrics
from tfrec.metrics.prequential import PrequentialEvaluator

METRICS = [*label_metrics.METRICS, "mae"]


@pytest.fixture(scope="module")
def clicks():
    """The toy ratings, where 4 and 5 are clicks; users have names."""
    log = make_ratings()
    events = log.events.assign(click=(log.events["rating"] >= 4).astype(float))
    events["user"] = "user " + events["user"].astype(str)
    return Stream(Interactions(events.drop(columns="rating"), log.items), 200)


def start(folder, clicks, evaluator, trigger=None, **options):
    state = make_state(clicks, **{"label": "click", "low": 0.0, "high": 1.0} | options)
    return run(folder, state=state, trigger=trigger, evaluator=evaluator, label="click")


def test_values_are_those_of_the_predictions(tmp_path, clicks):
    """Period by period with the raw users; over the run the mean of the periods, which have 200 events each."""
    _, tracker, found = start(tmp_path, clicks, Recorder(METRICS, window=300))
    events = pd.concat([clicks[t] for t in range(6)])
    users, labels = pd.factorize(events["user"])[0], events["click"].to_numpy()
    for name, metric in label_metrics.METRICS.items():
        values = []
        for t, row in enumerate(tracker.rows):
            cut, last = slice(200 * t, 200 * t + 200), slice(max(0, 200 * t - 100), 200 * t + 200)
            values.append(metric(labels[cut], found.predictions[cut], None, users[cut]))
            assert row[f"eval/{name}"] == pytest.approx(values[-1])
            running = metric(labels[last], found.predictions[last], None, users[last])
            assert row[f"eval/running/{name}"] == pytest.approx(running)
        assert tracker.means()[f"eval/{name}"] == pytest.approx(np.mean(values))
    assert tracker.means()["eval/auc"] > 0.55 and tracker.means()["eval/gauc"] > 0.5


@pytest.mark.parametrize("options", [{"window": 300}, {"fading": 0.99}, {}])
def test_killed_and_resumed(tmp_path, clicks, options):
    def kill(t):
        if t == 3:
            raise KeyboardInterrupt
        return True

    start(tmp_path / "whole", clicks, PrequentialEvaluator(METRICS, **options))
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "cut", clicks, PrequentialEvaluator(METRICS, **options), kill)
    _, tracker, _ = start(tmp_path / "cut", clicks, PrequentialEvaluator(METRICS, **options))
    assert [row["period"] for row in tracker.rows] == [0, 1, 2, 3, 4, 5]
    assert ("eval/running/auc" in tracker.rows[-1]) == bool(options)
    assert (tmp_path / "whole/stream.csv").read_bytes() == (tmp_path / "cut/stream.csv").read_bytes()


def test_a_model_of_anything_else_than_probabilities_is_named(tmp_path, clicks):
    with pytest.raises(InputError, match="take probabilities: limit the model to them"):
        start(tmp_path, clicks, PrequentialEvaluator(["mae", "ne"]), low=None, high=None)
