"""The command that compares finished runs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.fake_runs import log, write_run
from tfrec.compare import compare, gap_interval, main, parser
from tfrec.errors import InputError

ROOT = Path(__file__).parents[1]
ROWS = log()
SHARED = np.random.default_rng(5).random(len(ROWS))
DRAWS = ["--draws", "200"]


def values(shift, seed=0):
    """In three views; the users of the first half of rows have no novel target."""
    found = SHARED + shift + 0.05 * np.random.default_rng(seed).normal(size=len(ROWS))
    novel = np.where(np.arange(len(ROWS)) % 2, found / 2, np.nan)
    views = {"all": found, "repeat": np.full(len(ROWS), np.nan), "novel": novel}
    metrics = {f"{view}/ndcg@10": value for view, value in views.items()}
    return metrics | {f"{view}/recall@10": value / 3 for view, value in views.items()}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two methods of three seeds each with a baseline, and a run that has failed."""
    folder = tmp_path_factory.mktemp("runs")
    baseline = values(-0.2, 77)
    for number, (shift, overrides) in enumerate([(0.0, []), (0.3, ["strategy=[replay]"])]):
        for seed in range(3):
            scorers = {"eval": values(shift, 10 * number + seed), "baseline/popularity": baseline}
            facts = {"seed": seed, "overrides": [*overrides, f"seed={seed}"], "seconds": 10.0 + number + seed}
            facts["metrics"] = {"cost/examples": 100 - 50 * number}
            search = {"search": np.arange(len(ROWS)) % 3 == 0}
            write_run(folder / f"{number}{seed}", ROWS, scorers, slices=search, **facts)
    write_run(folder / "bad", ROWS, {}, status="failed")
    return folder


def compared(*arguments):
    return compare(parser().parse_args([*map(str, arguments), *DRAWS]))


def printed(capsys, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["compare", *map(str, arguments), *DRAWS])
    main()
    return capsys.readouterr()


def test_the_first_metric_in_all_views_that_somebody_is_in(runs):
    tables = compared(runs)
    assert list(tables) == ["all/ndcg@10", "novel/ndcg@10"]
    table = tables["all/ndcg@10"]
    assert list(table.index) == ["toy", "strategy=[replay]", "baseline/popularity"]
    assert table["seeds"].tolist() == [3, 3, 3]
    mean = np.mean([values(0.3, 10 + seed)["all/ndcg@10"].mean() for seed in range(3)])
    assert table.loc["strategy=[replay]", "mean"] == pytest.approx(mean, rel=1e-6)
    assert table["best"].tolist() == [False, True, False]
    assert table.attrs["reference"] == "toy" and table.attrs["rows"] == 96 and table.attrs["users"] == 12
    assert tables["novel/ndcg@10"].attrs["rows"] == 48


def test_a_reference_metric_and_slice_of_choice(runs):
    tables = compared(runs, "--metric", "all/recall@10", "--reference", "popularity", "--slice", "search")
    (table,) = tables.values()
    third = np.arange(len(ROWS)) % 3 == 0
    expected = np.mean([values(0.0, seed)["all/recall@10"][third].mean() for seed in range(3)])
    assert table.loc["toy", "mean"] == pytest.approx(expected, rel=1e-6)
    baseline = values(-0.2, 77)["all/recall@10"][third].mean()
    assert table.loc["toy", "difference"] == pytest.approx(expected - baseline, rel=1e-5)
    assert table.attrs["reference"] == "baseline/popularity" and np.isnan(table.loc["baseline/popularity", "p_users"])


def test_costs_are_of_the_methods_that_have_their_own(runs, capsys):
    """Seconds 10, 11, 12 and 11, 12, 13; examples 100 and 50: the better one is dearer, or cheaper."""
    table = compared(runs)["all/ndcg@10"]
    np.testing.assert_array_equal(table["cost"], [11, 12, np.nan])
    assert table["front"].tolist() == [True, True, False]
    table = compared(runs, "--cost", "cost/examples")["all/ndcg@10"]
    np.testing.assert_array_equal(table["cost"], [100, 50, np.nan])
    assert table["front"].tolist() == [False, True, False] and table.attrs["cost"] == "cost/examples"
    assert compared(runs, "--cost", "cost/joules")["all/ndcg@10"]["cost"].tolist()[:2] == [11, 12]
    assert "cost/joules is not in the results of every run: cost is in seconds" in capsys.readouterr().err


def test_regret_and_the_gap_that_is_closed(runs):
    """Full is replay, the floor popularity. Every period has the same number of requests: regret is the difference."""
    table = compared(runs, "--full", "strategy=[replay]", "--floor", "popularity")["all/ndcg@10"]
    mean, full, floor = table["mean"], table.loc["strategy=[replay]", "mean"], table.loc["baseline/popularity", "mean"]
    np.testing.assert_allclose(table["regret"], full - mean, atol=1e-12)
    np.testing.assert_allclose(table["gap_closed"], (mean - floor) / (full - floor), atol=1e-12)
    ends = table.loc[["strategy=[replay]", "baseline/popularity"], ["gap_low", "gap_high"]]
    np.testing.assert_allclose(ends, [[1, 1], [0, 0]], atol=1e-12)  # in every draw
    assert (table["gap_low"] <= table["gap_closed"]).all() and (table["gap_closed"] <= table["gap_high"]).all()


def test_the_interval_of_a_share_is_of_shares_of_draws_and_needs_a_gap():
    """Draws 0 to 100 of this one, between a floor of 0 and 200 of full: shares 0 to 0.5, without 2.5 % at each end."""
    this, floor, full = np.arange(101.0), np.zeros(101), np.full(101, 200.0)
    assert gap_interval(this, floor, full) == pytest.approx((0.0125, 0.4875))
    full[:2] = -1  # 2 of 101 draws without a gap are left out; 3 are too many
    assert gap_interval(this, floor, full) == pytest.approx(tuple(np.quantile(this[2:] / 200, [0.025, 0.975])))
    full[2] = 0
    assert np.isnan(gap_interval(this, floor, full)).all()


def test_errors_are_better_when_small(tmp_path):
    """Weighted by events: user u0 has 9 of them, the others 1. Regret of an error is what it is above full's."""
    rows = log(users=3, periods=[0, 1])
    rows["weight"] = np.where(rows["user"] == "u0", 9.0, 1.0)
    error = np.where(rows["user"] == "u0", 2.0, 1.0)
    write_run(tmp_path / "a", rows, {"eval": {"mse": error}, "baseline/mean": {"mse": 2 * error}})
    table = compared(tmp_path)["mse"]
    assert table["mean"].tolist() == pytest.approx([20 / 11, 40 / 11]) and table["best"].tolist() == [True, False]
    table = compared(tmp_path, "--full", "toy", "--floor", "mean")["mse"]
    assert table["regret"].tolist() == pytest.approx([0, 20 / 11])
    assert table["gap_closed"].tolist() == pytest.approx([1, 0])


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--reference", "ewc"], r"no method 'ewc': choose toy, strategy=\[replay\], baseline/popularity"),
        (["--metric", "all/ndgc@10"], "has no metric 'all/ndgc@10' of single requests: it has all/ndcg@10"),
        (["--slice", "tail"], "has no slice 'tail': it has search"),
        (["--floor", "toy"], "--floor needs --full"),
    ],
)
def test_what_is_not_there_is_named(runs, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        compared(runs, *arguments)


def test_the_printed_table(runs, capsys, monkeypatch):
    out, err = printed(capsys, monkeypatch, runs, "--metric", "all/ndcg@10")
    assert "bad is failed" in err
    title, *lines = [line for line in out.splitlines() if line.strip()]
    assert "all/ndcg@10: 96 requests, 12 users, 8 periods" in title
    found = {line.split("  ")[1].strip(): line for line in lines if line.startswith("  ")}
    assert "reference" in found["toy"] and "best" in found["strategy=[replay]"] and "front" in found["toy"]
    expected = compared(runs)["all/ndcg@10"].loc["strategy=[replay]"]
    for text in ("mean", "low", "high"):
        assert f"{expected[text]:.4f}" in found["strategy=[replay]"]
    assert f"{expected['difference']:+.4f}" in found["strategy=[replay]"]
    assert "No test over seeds" not in out


def test_one_seed_is_said(runs, capsys, monkeypatch):
    out, _ = printed(capsys, monkeypatch, runs / "00", "--metric", "all/ndcg@10")
    assert "No test over seeds: fewer than two seeds in common" in out


def test_few_periods_and_a_single_user_are_said(tmp_path, capsys, monkeypatch):
    rows = log(users=1, periods=range(3))
    metric = {"all/ndcg@10": np.array([0.1, 0.2, 0.4])}
    write_run(tmp_path / "a", rows, {"eval": metric, "baseline/x": {"all/ndcg@10": np.zeros(3)}})
    out, _ = printed(capsys, monkeypatch, tmp_path)
    assert "With 3 periods Wilcoxon's p is never below 0.25" in out and "A single user: no intervals" in out


def test_all_columns_go_to_a_file(runs, tmp_path, capsys, monkeypatch):
    printed(capsys, monkeypatch, runs, "--csv", tmp_path / "table.csv")
    table = pd.read_csv(tmp_path / "table.csv", index_col=["metric", "method"])
    for metric, expected in compared(runs).items():
        pd.testing.assert_frame_equal(table.loc[metric], expected, check_index_type=False)


def test_a_mistake_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["compare", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match="error: .*nowhere is not there"):
        main()


def test_help_does_without_tensorflow():
    command = [sys.executable, "-X", "importtime", "-m", "tfrec.compare", "--help"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert "--reference" in done.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "tfrec" in imported and not imported & {"tensorflow", "keras", "tf_keras"}
