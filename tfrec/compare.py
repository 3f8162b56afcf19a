"""`python -m tfrec.compare RUNS...`: methods against a reference, with intervals, paired tests and effect sizes.

Runs that differ only in their seed are one method; baselines inside runs are methods too.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from tfrec import scores
from tfrec.comparison_table import shown
from tfrec.errors import InputError, require
from tfrec.metrics.bootstrap import bootstrap_means, interval, means_by
from tfrec.metrics.continual import gap_closed, regret
from tfrec.metrics.front import front
from tfrec.metrics.prequential import SMALLER_IS_BETTER
from tfrec.metrics.significance import against
from tfrec.pairing import load
from tfrec.results import finished, grouped

COST = "seconds"


def compare(options: argparse.Namespace) -> dict[str, pd.DataFrame]:
    """A table per metric: the columns of `against`, `cost` and `front`, and those of `to_full` if asked for.

    Args:
        options: what `parser` gives.

    Raises:
        InputError: what cannot be compared, see `tfrec.pairing`; an unknown method.
    """
    runs = finished(options.runs)
    groups = grouped(runs)
    metrics = options.metric or headline(scores.columns(next(iter(runs))))
    pairs = load(groups, list(dict.fromkeys(metrics)), options.slice)
    reference, full, floor = (named(pairs.values, name) for name in (options.reference, options.full, options.floor))
    reference = reference or next(iter(pairs.values))
    require(floor is None or full is not None, "--floor needs --full: the gap is between the two.")
    results = {label: [runs[folder] for folder in seeds.values()] for label, seeds in groups.items()}
    tag, costs = costs_of(results, options.cost)
    tables = {}
    for metric in pairs.metrics:
        if not options.metric and not pairs.has(metric):  # a view that nobody is in
            continue
        rows, values = pairs.of(metric)
        smaller = smaller_is_better(metric)
        table = against(values, reference, rows, smaller, options.draws)
        table["cost"] = [costs.get(name, np.nan) for name in table.index]
        table["front"] = front(table["mean"] * (-1 if smaller else 1), table["cost"])
        if full is not None:
            table = table.join(to_full(values, rows, full, floor, smaller, options.draws))
        table.attrs = {"users": rows["user"].nunique(), "periods": rows["period"].nunique()}
        table.attrs |= {"rows": len(rows), "cost": tag, "reference": reference, "slice": options.slice}
        tables[metric] = table
    return tables


def headline(known: list[str]) -> list[str]:
    """The first metric that a run stored, in all its views."""
    names = [name for name in known if not name.startswith("slice/")]
    return [name for name in names if name.split("/")[-1] == names[0].split("/")[-1]]


def smaller_is_better(metric: str) -> bool:
    """Whether a metric is an error."""
    return metric.split("/")[-1].split("@")[0] in SMALLER_IS_BETTER


def named(methods: dict, name: str | None) -> str | None:
    """The method of that name; a baseline also goes without `baseline/`."""
    found = next((each for each in (name, f"baseline/{name}") if each in methods), None)
    require(name is None or found is not None, f"There is no method '{name}': choose {', '.join(methods)}.")
    return found


def costs_of(results: dict[str, list[dict]], tag: str) -> tuple[str, dict[str, float]]:
    """The tag, and its mean over the runs of each method. Baselines have none: a run's costs are of all in it.

    Where a run lacks the tag, it is seconds for all: another measure for some could not be compared.
    """
    facts = {label: [{COST: r[COST], **r["metrics"]} for r in runs] for label, runs in results.items()}
    if any(tag not in each for runs in facts.values() for each in runs):
        print(f"{tag} is not in the results of every run: cost is in seconds.", file=sys.stderr)
        tag = COST
    return tag, {label: float(np.mean([each[tag] for each in runs])) for label, runs in facts.items()}


def to_full(values: dict, rows: pd.DataFrame, full: str, floor: str | None, smaller: bool, draws: int) -> pd.DataFrame:
    """`regret` against full retraining, and `gap_closed`, see `tfrec.metrics.continual`; errors are negated.

    `gap_low` and `gap_high` are its 95 % interval, by the block bootstrap over users that `against` makes.
    """
    sign = -1 if smaller else 1
    stacked = sign * np.stack([np.mean(list(seeds.values()), axis=0, dtype=float) for seeds in values.values()], axis=1)
    weight = rows["weight"].to_numpy()
    by_period = pd.DataFrame(means_by(rows["period"].to_numpy(), weight, stacked), columns=list(values))
    columns = {"regret": [regret(by_period[full], by_period[name]) for name in values]}
    if floor is not None:
        mean = dict(zip(values, np.average(stacked, axis=0, weights=weight), strict=True))
        columns["gap_closed"] = [gap_closed(mean[name], mean[floor], mean[full]) for name in values]
        drawn = dict(zip(values, bootstrap_means(rows["user"].to_numpy(), weight, stacked, draws), strict=True))
        ranges = [gap_interval(drawn[name], drawn[floor], drawn[full]) for name in values]
        columns["gap_low"], columns["gap_high"] = zip(*ranges, strict=True)
    return pd.DataFrame(columns, index=list(values))


def gap_interval(this: np.ndarray, floor: np.ndarray, full: np.ndarray) -> tuple[float, float]:
    """95 % interval of `gap_closed` from draws of the three means; NaN if more than 2.5 % of the draws have no gap."""
    there = full > floor
    if there.mean() < 0.975:
        return np.nan, np.nan
    return interval((this - floor)[there] / (full - floor)[there])


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(prog="python -m tfrec.compare", description=__doc__)
    command.add_argument("runs", nargs="+", type=Path, help="run folders, or folders of run folders")
    command.add_argument("--reference", metavar="METHOD", help="compared with (the model of the first runs)")
    command.add_argument("--metric", nargs="+", help="such as all/ndcg@10 (the first one, in all views)")
    command.add_argument("--slice", help="requests of a slice, such as search, or items of one (all)")
    command.add_argument("--full", metavar="METHOD", help="full retraining, for regret and the gap")
    command.add_argument("--floor", metavar="METHOD", help="fine-tuning, the other end of the gap")
    command.add_argument("--cost", default=COST, help="a tag of results.json, such as cost/examples (seconds)")
    command.add_argument("--draws", type=int, default=10_000, help="of the bootstrap (10000)")
    command.add_argument("--csv", type=Path, metavar="FILE", help="also write all columns there")
    return command


def main() -> None:
    """Prints a table per metric."""
    options = parser().parse_args()
    try:
        require(options.draws >= 100, f"--draws is {options.draws}: choose 100 or more.")
        folder = None if options.csv is None else options.csv.absolute().parent
        require(folder is None or folder.is_dir(), f"--csv: the folder {folder} is not there: make it first.")
        tables = compare(options)
    except InputError as error:
        sys.exit(f"error: {error}")
    if options.csv:
        pd.concat(tables, names=["metric"]).to_csv(options.csv)
    console = Console(width=max(Console().width, 200))
    for metric, table in tables.items():
        console.print(shown(metric, table))


if __name__ == "__main__":
    main()
