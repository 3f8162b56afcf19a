"""The records of studies agree with their results, and the notebooks read them."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from tests.baselines.published_rows import COLUMNS, ROWS
from tfrec.loops.period_matrix import summary

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_the_quickstart_s_table_is_the_mean_of_its_results():
    runs = pd.read_csv(ROOT / "experiments/quickstart/results.csv")
    page = (ROOT / "experiments/quickstart/README.md").read_text()
    rows = re.findall(r"^\| \**`?([\w ]+)`?\**[^|]*((?:\| 0\.\d{4} )+)\|$", page, re.MULTILINE)
    assert len(rows) == 6
    for name, values in rows:
        prefix = "eval" if name == "this run" else f"baseline/{name}"
        expected = [f"{runs[f'{prefix}/{column}'].mean():.4f}" for column in COLUMNS]
        assert [value.strip() for value in values.strip("| ").split("|")] == expected


def test_the_readme_shows_the_seed_that_a_user_runs():
    runs = pd.read_csv(ROOT / "experiments/quickstart/results.csv").set_index("seed")
    for name in ("README.md", "README.zh.md"):
        page = (ROOT / name).read_text()
        for scorer in ("eval", "baseline/frozen", "baseline/stale"):
            assert f"{runs.loc[0, f'{scorer}/all/ndcg@10']:.4f}" in page


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, monkeypatch):
    """Every code cell runs in order, and none has been committed with its output."""
    monkeypatch.chdir(path.parent)
    names = {}
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            exec("".join(cell["source"]), names)
    assert len(names["table"]) == 6


def test_the_search_table_is_the_mean_of_its_results():
    means = pd.read_csv(ROOT / "experiments/search/results.csv").groupby("name").mean(numeric_only=True)
    page = (ROOT / "experiments/search/README.md").read_text()
    rows = re.findall(r"^\| \**`?([\w ]+)`?\**[^|]*((?:\| 0\.\d{4} )+)\|$", page, re.MULTILINE)
    assert len(rows) == 4
    for name, values in rows:
        prefix = "" if name == "this run" else f"baseline/{name}/"
        cells = [("search", "search"), ("search_alone", "search"), ("search", "recommendation")]
        expected = [f"{means.loc[run, f'{prefix}slice/{cut}/all/ndcg@10']:.4f}" for run, cut in cells]
        assert [value.strip() for value in values.strip("| ").split("|")] == expected


QUALITY = ["eval/all/ndcg@10", "eval/repeat/ndcg@10", "eval/novel/ndcg@10"]
MATRIX = [f"continual/{name}" for name in ("la", "ra", "forgetting", "bwt", "fwt")]
STALE = [f"continual/staleness/{age}" for age in (1, 2, 4)]
DEEP = ["eval/all/recall@100", "baseline/old_index/all/recall@100"]
WAYS = {
    "forgetting/screening": ("**Screening**", [*QUALITY, *MATRIX, "early"]),
    "forgetting/tuning": ("**Tuning**", QUALITY),
    "forgetting/finals": ("**Finals**", [*QUALITY, *MATRIX, *STALE]),
    "freshness/screening": ("**Screening**", [*QUALITY, *DEEP]),
    "freshness/tuning": ("**Tuning**", [*QUALITY, *DEEP]),
}


def cells_below(heading, page):
    """Of the first table below a heading whose rows begin with a word in code, the first cell and the others."""
    lines = page.split(heading)[1].splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| `"))
    stop = next(n for n, line in enumerate(lines) if n > start and not line.startswith("| `"))
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines[start:stop]]


@pytest.mark.parametrize("study", WAYS)
def test_the_table_of_ways_of_updating_is_the_mean_of_its_runs(study):
    """Methods of the page by their words in the table, each with as many seeds and the means of all columns."""
    heading, columns = WAYS[study]
    runs, periods = (
        pd.read_csv(ROOT / f"experiments/{name}.csv", dtype=str, keep_default_na=False)
        for name in (study, f"{study}_periods")
    )
    early = periods[periods["period"].astype(int) < 6].astype({QUALITY[0]: float})  # of screening alone
    keys = [*runs.loc[:, :"name"], "seed"]
    runs = runs.merge(early.groupby(keys)[QUALITY[0]].mean().rename("early").reset_index(), how="left", on=keys)
    expected = []
    for _, of_method in runs.groupby(keys[:-1]):
        means = [pd.to_numeric(of_method[name]).mean() for name in columns]
        cells = ["" if pd.isna(value) else f"{value:.4f}" for value in means]
        expected.append([str(len(of_method)), *cells, f"{of_method['cost/examples'].astype(float).mean():.0f}"])
    rows = [row[1:] for row in cells_below(heading, (ROOT / "experiments" / study).with_name("README.md").read_text())]
    assert sorted(rows) == sorted(expected)
    assert [row[1] for row in rows] == sorted((row[1] for row in expected), reverse=True)


def test_the_table_against_fine_tuning_is_what_the_comparison_gave():
    """With differences, and what they close of the gap, worked out anew from the means of the same runs."""
    table = pd.read_csv(ROOT / "experiments/forgetting/comparison.csv")
    table = table[(table["metric"] == "all/ndcg@10") & table["cost"].notna()].sort_values("mean", ascending=False)
    page = (ROOT / "experiments/forgetting/README.md").read_text()
    finals = {row[0]: row for row in cells_below("**Finals**", page)}
    rows = cells_below("**Against fine-tuning**", page)
    assert len(rows) == len(table) == len(finals)
    full, floor = (float(finals[name][2]) for name in ("`window=null start=cold`", "`fine-tuning`"))
    for (name, seeds, mean, difference, p_weeks, p_seeds, gap), found in zip(
        rows, table.to_dict("records"), strict=True
    ):
        assert mean == f"{found['mean']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"
        low, high = found["difference_low"], found["difference_high"]
        assert difference == f"{found['difference']:+.4f} [{low:+.4f}, {high:+.4f}]"
        assert gap == f"{found['gap_closed']:.2f} [{found['gap_low']:.2f}, {found['gap_high']:.2f}]"
        for cell, p in ((p_weeks, found["p_holm"]), (p_seeds, found["p_seeds"])):
            assert cell == ("-" if pd.isna(p) else "< .0001" if p < 0.0001 else f"{p:.4f}")
        assert finals[name][1] == seeds
        assert float(finals[name][2]) == pytest.approx(found["mean"], abs=6e-5)
        assert found["difference"] == pytest.approx(found["mean"] - floor, abs=6e-5)
        assert found["gap_closed"] == pytest.approx((found["mean"] - floor) / (full - floor), abs=0.1, rel=0.1)


def test_what_is_closed_of_the_gap_to_regularised_retraining_is_what_the_comparison_gave():
    table = pd.read_csv(ROOT / "experiments/forgetting/comparison_l2.csv")
    table = table[table["metric"] == "all/ndcg@10"].set_index("method")
    page = " ".join((ROOT / "experiments/forgetting/README.md").read_text().split())
    retrained = "loop.start=cold, loop.window=null"
    for method, words in {
        "loop.epochs=2, strategy=[lwf,l2], strategy.l2.weight=1.0e-4": "`lwf,l2` closes",
        retrained: "plain full retraining",
        "loop.window=4": "a window of four",
    }.items():
        found = table.loc[method]
        assert f"{words} {found['gap_closed']:.2f} [{found['gap_low']:.2f}, {found['gap_high']:.2f}]" in page
    assert f"it reaches {table.loc[f'{retrained}, strategy=[l2], strategy.l2.weight=1.0e-4', 'mean']:.4f}" in page


def test_the_ratings_table_is_what_its_runs_gave():
    runs = pd.read_csv(ROOT / "experiments/movielens_ratings/results.csv").set_index("seed")
    page = (ROOT / "experiments/movielens_ratings/README.md").read_text()
    for seed in runs.index:
        assert f"seed {seed} | {runs.loc[seed, 'eval/mae']:.4f} | {runs.loc[seed, 'eval/rmse']:.4f} |" in page
    assert f"`running_mean` | {runs['baseline/running_mean/mae'].mean():.4f} |" in page


def test_the_table_of_baselines_is_what_its_runs_gave_and_what_is_published():
    runs = pd.read_csv(ROOT / "experiments/baselines/results.csv")
    page = (ROOT / "experiments/baselines/README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` ((?:\| 0\.\d{4} )+)\|", page, re.MULTILINE)
    assert {name for name, _ in rows} >= ROWS.keys()
    for name, values in rows:
        reached = [runs[f"baseline/{name}/{column}"].mean() for column in COLUMNS]
        assert [value.strip() for value in values.strip("| ").split("|")] == [f"{value:.4f}" for value in reached]
        if name in ROWS:
            tolerance, published = ROWS[name]
            assert reached == pytest.approx(published, abs=tolerance), name


def test_the_measures_of_the_period_matrix_are_of_the_matrix():
    matrix = pd.read_csv(ROOT / "experiments/period_matrix/matrix.csv")
    page = (ROOT / "experiments/period_matrix/README.md").read_text()
    for tag, value in summary(matrix, "all/ndcg@10").items():
        assert f"| `{tag}` | {value:.4f} |" in page


def table(page, heading):
    """First cells and numbers of the rows of the table below a heading."""
    below = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?:\*\*|`)([^|]+?)(?:\*\*|`) \| ([\d.| ]+) \|$", below, re.MULTILINE)
    return {name: values.split(" | ") for name, values in rows}


@pytest.mark.parametrize(
    "file, heading, scorers",
    [
        ("results", "The whole stream", ["this run", "decayed_share"]),
        ("with_trees", "Beside weekly trees", ["this run", "blend", "lightgbm_weekly", "decayed_share"]),
        (
            "repeat_aware",
            "Two towers alone, with a gate between buying again and exploring",
            ["this run", "decayed_share", "popularity"],
        ),
    ],
)
def test_tables_of_towers_are_what_their_runs_gave(file, heading, scorers):
    runs = pd.read_csv(ROOT / f"experiments/towers/{file}.csv")
    page = (ROOT / "experiments/towers/README.md").read_text()
    rows = table(page, heading)
    assert [*rows] == scorers
    for name, values in rows.items():
        prefix = "eval" if name == "this run" else f"baseline/{name}"
        assert values == [f"{runs[f'{prefix}/{column}'].mean():.4f}" for column in COLUMNS]
    if file == "results":
        for tag in ("all", "repeat", "novel"):
            assert f"{runs[f'eval/{tag}/oracle_ndcg@10'].mean():.4f}" in page


def test_the_table_of_new_items_is_what_its_runs_gave():
    runs = pd.read_csv(ROOT / "experiments/towers/new_items.csv", dtype=str)
    rows = table((ROOT / "experiments/towers/README.md").read_text(), "New items")
    words = [
        "as it is",
        "model/fusion=gated model.id_dropout=0.2",
        "encoder=none model.new_items=mean",
        "model.ids=false",
    ]
    assert [*rows] == [*words, "popularity"]
    views = [f"slice/new_item/{view}/recall@100" for view in ("all", "repeat", "novel")]
    options = runs.loc[:, :"name"].drop(columns=["+experiment", "baseline", "name"])
    for (_, run), (_, chosen) in zip(runs.iterrows(), options.iterrows(), strict=True):
        label = " ".join(f"{key}={value}" for key, value in chosen.dropna().items()) or "as it is"
        assert rows[label] == [f"{float(run[column]):.4f}" for column in (*views, "eval/all/ndcg@10")]
        expected = [f"{float(run[f'baseline/popularity/{column}']):.4f}" for column in (*views, "all/ndcg@10")]
        assert rows["popularity"] == expected


def test_the_table_of_choices_is_what_their_runs_gave():
    runs = pd.read_csv(ROOT / "experiments/towers/ablation.csv", dtype=str)
    rows = table((ROOT / "experiments/towers/README.md").read_text(), "What each choice is worth")
    assert len(rows) == len(runs)
    options = runs.loc[:, :"name"].drop(columns=["+experiment", "name"])
    for (_, run), (_, chosen) in zip(runs.iterrows(), options.iterrows(), strict=True):
        words = " ".join(f"{key}={value}" for key, value in chosen.dropna().items()) or "as it is"
        expected = [f"{float(run[f'eval/{column}']):.4f}" for column in COLUMNS]
        assert rows[words] == [*expected, f"{float(run['seconds']):.0f}"]


@pytest.mark.parametrize("part", ["Screening", "Finals"])
def test_the_tables_of_peft_are_what_their_runs_gave(part):
    runs = pd.read_csv(ROOT / "experiments/peft/results.csv", dtype=str, keep_default_na=False)
    options = runs.loc[:, :"name"].drop(columns=["+experiment", "stream.users", "strategy.rates.encoder", "name"])
    labels = [" ".join(f"{key}={value}" for key, value in row.items() if value) for _, row in options.iterrows()]
    seeds = ["0", "1"] if part == "Screening" else ["0", "1", "2", "3", "4"]
    chosen = [label for label in dict.fromkeys(labels) if labels.count(label) >= len(seeds)]
    page = (ROOT / "experiments/peft/README.md").read_text().split(f"**{part}**")[1].split("\n![")[0]
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", page, re.MULTILINE)
    assert {name for name, _ in rows} == {*chosen} and chosen
    quality = ["all/ndcg@10", "novel/ndcg@10", "novel/recall@100"]
    quality = [f"eval/{tag}" for tag in quality] + ["slice/new_item/all/recall@100", "continual/forgetting"]
    costs = ["cost/trainable_parameters", "cost/update_seconds", "cost/peak_memory_bytes"]
    numbers = runs[[*quality, *costs]].astype(float)
    frozen = numbers.loc[labels.index("peft=frozen"), costs[0]]
    for name, cells in rows:
        mean = numbers[
            [label == name and seed in seeds for label, seed in zip(labels, runs["seed"], strict=True)]
        ].mean()
        expected = [str(len(seeds)), *(f"{mean[tag]:.4f}" for tag in quality), f"{mean[costs[0]] - frozen:,.0f}"]
        assert cells.split(" | ") == [*expected, f"{mean[costs[1]]:.1f}", f"{mean[costs[2]] / 1e9:.2f}"]
