"""What a run leaves behind."""

import json
import logging
from io import StringIO

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from tfrec.final_table import final_tables
from tfrec.folders import replace_file
from tfrec.tracking import Tracker

FACTS = {"name": "toy", "seed": 3, "commit": "abc", "overrides": ["seed=3"]}
NAN = np.nan
# Per user and period: in period 4 nobody has a novel target.
ALL = {3: [1.0, 0.5], 4: [0.2, 0.4, 0.9]}
NOVEL = {3: [NAN, 0.5], 4: [NAN, NAN, NAN]}
REPEAT = {3: [1.0, NAN], 4: [0.2, 0.4, NAN]}
# Pooled over pairs, not over periods: (1.0 + 0.5 + 0.2 + 0.4 + 0.9) / 5 is 0.6, where (0.75 + 0.5) / 2 would be 0.625.
VIEWS = ("all", "repeat", "novel")
MEANS = {"all": 0.6, "novel": 0.5, "repeat": 1.6 / 3}


def values_of(t, scale=1.0):
    views = {"all": ALL, "repeat": REPEAT, "novel": NOVEL}
    return {f"{view}/ndcg@10": scale * np.array(values[t]) for view, values in views.items()}


def two_periods(tracker):
    for t in (3, 4):
        tracker.scores("eval", values_of(t))
        tracker.scores("baseline/popularity", values_of(t, 0.5))
        tracker.end_of_period(t, {"cost/steps": 7 * t, "train/loss": 0.1 * t}, {"cost/score_seconds": 0.25})


@pytest.fixture
def tracker(tmp_path):
    return Tracker(tmp_path, FACTS)


def results(folder):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    return json.loads((folder / "results.json").read_text(), parse_constant=refuse)


def events_of(folder):
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def test_means_are_pooled_over_pairs(tracker):
    two_periods(tracker)
    means = tracker.means()
    scores = [f"{s}/{v}/ndcg@10" for s in ("eval", "baseline/popularity") for v in VIEWS]
    assert list(means) == [*scores, "cost/steps"]
    for view, mean in MEANS.items():
        assert means[f"eval/{view}/ndcg@10"] == pytest.approx(mean)
        assert means[f"baseline/popularity/{view}/ndcg@10"] == pytest.approx(mean / 2)


def test_a_view_that_nobody_is_in_has_no_value(tmp_path, tracker):
    tracker.scores("eval", values_of(4))
    tracker.end_of_period(4, {}, {})
    assert np.isnan(tracker.rows[0]["eval/novel/ndcg@10"]) and tracker.rows[0]["pairs/novel"] == 0
    assert "eval/novel/ndcg@10" not in tracker.means()
    tracker.finish({})
    assert "eval/novel/ndcg@10" not in results(tmp_path)["metrics"]


def test_stream_csv_has_a_row_a_period_and_no_times(tmp_path, tracker):
    two_periods(tracker)
    table = pd.read_csv(tmp_path / "stream.csv")
    scores = [f"{s}/{v}/ndcg@10" for s in ("eval", "baseline/popularity") for v in VIEWS]
    assert set(table.columns) == {
        "period", "pairs/all", "pairs/repeat", "pairs/novel", "cost/steps", "train/loss", *scores
    }  # fmt: skip
    assert table["period"].tolist() == [3, 4]
    assert table["pairs/all"].tolist() == [2, 3] and table["pairs/novel"].tolist() == [1, 0]
    assert table["pairs/repeat"].tolist() == [1, 2] and table["cost/steps"].tolist() == [21, 28]
    np.testing.assert_allclose(table["eval/all/ndcg@10"], [0.75, 0.5])
    np.testing.assert_allclose(table["baseline/popularity/repeat/ndcg@10"], [0.5, 0.15])
    assert table["eval/all/ndcg@10"].tolist() == [row["eval/all/ndcg@10"] for row in tracker.rows]  # bit for bit


def test_results_json_of_a_run_that_runs_finishes_or_fails(tmp_path, tracker):
    keys = ["name", "seed", "commit", "overrides", "status", "seconds", "metrics"]
    running = results(tmp_path)
    assert list(running) == keys and {key: running[key] for key in FACTS} == FACTS
    assert running["status"] == "running" and running["metrics"] == {}
    two_periods(tracker)
    assert results(tmp_path)["status"] == "running"
    means = tracker.means()
    tracker.finish({"cost/traces": 2})
    finished = results(tmp_path)
    assert list(finished) == keys
    assert finished["status"] == "finished" and finished["metrics"] == means | {"cost/traces": 2}
    assert 0 < finished["seconds"] < 600
    assert [path.name for path in tmp_path.glob("*.draft")] == []


@pytest.mark.parametrize("periods", [0, 2])
def test_a_failure_keeps_what_was_reached_and_why(tmp_path, tracker, periods):
    if periods:
        two_periods(tracker)
    tracker.fail("InputError: period 5 has no events")
    failed = results(tmp_path)
    assert failed["status"] == "failed" and failed["reason"] == "InputError: period 5 has no events"
    assert len(failed["metrics"]) == (7 if periods else 0)  # of three views and two scorers, and the steps


def test_a_resumed_run_goes_on_with_its_rows_and_its_time(tmp_path, tracker):
    two_periods(tracker)
    other = tmp_path / "other"
    other.mkdir()
    resumed = Tracker(other, FACTS)
    resumed.resume(json.loads(json.dumps(tracker.rows[:1])), 1000.0, 3.0)
    assert len(pd.read_csv(other / "stream.csv")) == 1 and resumed.seconds() > 1000
    resumed.scores("eval", values_of(4))
    resumed.scores("baseline/popularity", values_of(4, 0.5))
    resumed.end_of_period(4, {"cost/steps": 28, "train/loss": 0.4}, {"cost/update_seconds": 2.0})
    assert (other / "stream.csv").read_bytes() == (tmp_path / "stream.csv").read_bytes()
    resumed.finish({})
    assert results(other)["seconds"] >= 1000
    metrics = results(other)["metrics"]
    assert metrics["cost/steps"] == (21 + 28) / 2 and metrics["cost/update_seconds"] == (3.0 + 2.0) / 2


def test_event_files_have_the_period_as_step(tmp_path, tracker):
    two_periods(tracker)
    tracker.finish({})
    events = events_of(tmp_path)
    for tag in ("eval/all/ndcg@10", "baseline/popularity/novel/ndcg@10", "cost/steps", "cost/score_seconds"):
        assert [event.step for event in events.Tensors(tag)] == [3, 4], tag
    values = [float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("eval/all/ndcg@10")]
    np.testing.assert_allclose(values, [0.75, 0.5])
    (final,) = events.Tensors("final/eval/all/ndcg@10")
    assert final.step == 4 and float(tf.make_ndarray(final.tensor_proto)) == pytest.approx(0.6)


def test_texts_and_choices_are_in_the_event_files(tmp_path, tracker):
    tracker.text({"command": "python -m tfrec.run", "config": "seed: 3"})
    tracker.hparams({"model.dim": 64, "strategy": "replay", "runtime.deterministic": True, "optimizer.rate": 0.5})
    two_periods(tracker)
    tracker.finish({})
    events = events_of(tmp_path)
    (text,) = events.Tensors("command")
    assert tf.make_ndarray(text.tensor_proto).item() == b"```\npython -m tfrec.run\n```"
    assert {"command", "config"} <= set(events.PluginTagToContent("text"))
    (entry,) = events.PluginTagToContent("hparams").values()
    chosen = HParamsPluginData.FromString(entry).session_start_info.hparams
    assert chosen["model.dim"].number_value == 64 and chosen["optimizer.rate"].number_value == 0.5
    assert chosen["strategy"].string_value == "replay" and chosen["runtime.deterministic"].bool_value is True


def test_the_table_has_the_best_first_and_this_run_by_name(tmp_path):
    """By recall@5, the run's own headline: the baseline has half of it, the other one twice as much."""
    tracker = Tracker(tmp_path, FACTS, "recall@5")
    for name, value in (("eval", 0.2), ("baseline/half", 0.1), ("baseline/double", 0.4)):
        tracker.scores(name, {"all/recall@5": np.array([value]), "novel/ndcg@10": np.array([1 - value])})
    tracker.end_of_period(9, {}, {})
    out = StringIO()
    Console(file=out, width=100).print(*final_tables("toy, seed 3", tracker.means(), tracker.headline))
    lines = out.getvalue().splitlines()
    assert "toy, seed 3" in lines[0]
    shown = [line.split() for line in lines if line.rstrip().endswith("000")]
    assert shown == [["double", "0.4000", "0.6000"], ["this", "run", "0.2000", "0.8000"], ["half", "0.1000", "0.9000"]]


def test_metrics_of_events_are_pooled_over_events(tmp_path):
    """1 event with error 3 and 3 events with error 1: mean 6 / 4, root mean square sqrt((9 + 3) / 4)."""
    tracker = Tracker(tmp_path, FACTS, "mae")
    for t, (events, error) in enumerate([(1, 3.0), (3, 1.0)]):
        tracker.values("eval", {"mae": error, "rmse": error, "running/mae": 7.0}, events)
        tracker.values("baseline/mean", {"mae": 2 * error, "rmse": 2 * error, "running/mae": 7.0}, events)
        tracker.end_of_period(t, {"train/loss": 1.0}, {})
    expected = {"eval/mae": 1.5, "eval/rmse": np.sqrt(3), "baseline/mean/mae": 3, "baseline/mean/rmse": 2 * np.sqrt(3)}
    assert tracker.means() == pytest.approx(expected)
    assert [row["pairs/events"] for row in tracker.rows] == [1, 3]


def test_the_smallest_error_is_shown_first(tmp_path):
    tracker = Tracker(tmp_path, FACTS, "mae")
    for name, error in (("baseline/half", 0.1), ("eval", 0.2), ("baseline/double", 0.4)):
        tracker.values(name, {"mae": error, "accuracy": 1 - error}, 5)
    tracker.end_of_period(0, {}, {})
    out = StringIO()
    Console(file=out, width=100).print(*final_tables("toy, seed 3", tracker.means(), tracker.headline))
    shown = [line.split() for line in out.getvalue().splitlines() if line.rstrip().endswith("000")]
    assert shown == [["half", "0.1000", "0.9000"], ["this", "run", "0.2000", "0.8000"], ["double", "0.4000", "0.6000"]]


def test_finishing_prints_the_table_on_standard_output(tracker, capsys):
    two_periods(tracker)
    tracker.finish({})
    assert "this run" in capsys.readouterr().out


def test_a_log_file_gets_a_line_a_period(tracker, caplog):
    caplog.set_level(logging.INFO)
    with tracker.progress(0, 2):
        two_periods(tracker)
    assert "period 3: eval/all/ndcg@10 0.7500, mean so far 0.7500" in caplog.text
    assert "period 4: eval/all/ndcg@10 0.5000, mean so far 0.6000" in caplog.text


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "results.json"
    replace_file(path, "first")
    replace_file(path, "second")
    assert path.read_text() == "second"
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "half of it, then \ud800, which no file can hold")
    assert path.read_text() == "second"


def test_many_metrics_are_shown_in_several_tables_and_slices_in_their_own(tmp_path):
    tracker = Tracker(tmp_path, FACTS, "ndcg@1")
    values = {f"all/ndcg@{k}": np.array([k / 100]) for k in range(1, 13)}
    tracker.scores("eval", values | {"slice/new_user/all/ndcg@1": np.array([0.5])})
    tracker.end_of_period(9, {}, {})
    tables = final_tables("toy", tracker.means(), tracker.headline)
    assert [len(table.columns) - 1 for table in tables] == [9, 3, 1]
    assert list(tables[2].columns[0].cells) == ["this run: new_user"]
    out = StringIO()
    Console(file=out, width=130).print(*tables)
    assert "…" not in out.getvalue() and all(f"{k / 100:.4f}" in out.getvalue() for k in range(1, 13))
