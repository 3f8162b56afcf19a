"""The record's tables, and what a day of age costs as a figure, from the tables of runs; needs matplotlib:
`python experiments/freshness/figures.py`."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import pandas as pd  # noqa: E402
from matplotlib import pyplot  # noqa: E402

from tfrec.study_table import means, methods, read_table, rows  # noqa: E402

FOLDER = Path(__file__).parent
QUALITY, RECALL = "eval/all/ndcg@10", "eval/all/recall@100"
COLUMNS = [QUALITY, "eval/repeat/ndcg@10", "eval/novel/ndcg@10", RECALL, "baseline/old_index/all/recall@100"]
COST = "cost/examples"
SAME = ["loop.base", "loop.last"]  # of all runs of a table
DAILY = "n=1"
NAMES = {DAILY: "every day", "n=7": "every week", "n=28": "every fourth week", "trigger=never": "never"}
WEEK = 7


def by_day(periods: pd.DataFrame) -> pd.DataFrame:
    """Quality of each method, days down, mean over seeds."""
    return periods.assign(method=methods(periods)).pivot_table(QUALITY, "period", "method", sort=False)


def by_week(days: pd.DataFrame) -> pd.DataFrame:
    """Each method's quality against that of daily updates, means of weeks since the first scored day."""
    change = days.sub(days[DAILY], axis=0)
    return change.groupby((change.index - change.index[0]) // WEEK).mean()


def draw(periods: pd.DataFrame, path: Path) -> None:
    """Quality against daily updates, week by week: weights that are never updated get older from left to right."""
    matplotlib.rcParams["svg.hashsalt"] = "tfrec"  # the same figures give the same file
    weeks = by_week(by_day(periods))
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for name in weeks:
        axes.plot(weeks.index + 1, weeks[name], marker="o", markersize=3, label=NAMES.get(name, name))
    axes.set_xlabel("week since the base was learned")
    axes.set_ylabel("NDCG@10 against updates every day")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    draw(read_table(FOLDER / "screening_periods.csv"), FOLDER / "screening.svg")
    for name in ("screening", "tuning"):
        table = read_table(FOLDER / f"{name}.csv")
        best_first = means(table, methods(table, SAME), [*COLUMNS, COST]).sort_values(QUALITY, ascending=False)
        print(f"**{name.capitalize()}**", *rows(best_first, COLUMNS, COST), sep="\n")
