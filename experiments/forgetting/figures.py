"""The record's tables, and quality against cost as figures, from the studies' results; needs matplotlib:
`python experiments/forgetting/figures.py`."""

from collections.abc import Collection
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import pandas as pd  # noqa: E402
from matplotlib import pyplot  # noqa: E402

from tfrec.comparison_table import bracket, p_value  # noqa: E402
from tfrec.metrics.front import front  # noqa: E402
from tfrec.study_table import means, methods, read_table, rows, shortened  # noqa: E402

FOLDER = Path(__file__).parent
QUALITY, COST = "eval/all/ndcg@10", "cost/examples"
COLUMNS = [QUALITY, "eval/repeat/ndcg@10", "eval/novel/ndcg@10"]
COLUMNS += [f"continual/{name}" for name in ("la", "ra", "forgetting", "bwt", "fwt")]
FINALS = [*COLUMNS, *(f"continual/staleness/{age}" for age in (1, 2, 4))]
REPORTED = 6  # the first period of four weeks with weeks that are reported
SAME = [
    "stream.period",
    "loop.base",
    "loop.last",
    "loop.log_q_window",
    "loop.checkpoint_every",
    "probe",
    "probe.ages",
]  # of all runs of a study


def named(table: pd.DataFrame) -> pd.Series:
    """The method of each row of a table."""
    return methods(table, SAME).replace("", "fine-tuning")


def best_first(runs: pd.DataFrame, columns: list[str] = COLUMNS) -> pd.DataFrame:
    """Mean over seeds of each method, best first, and the number of seeds."""
    return means(runs, named(runs), [*columns, COST]).sort_values(QUALITY, ascending=False)


def early(periods: pd.DataFrame, before: int) -> pd.Series:
    """Mean over periods before `before`, and over seeds, of each method: what a choice may look at."""
    chosen = periods[periods["period"] < before]
    return chosen[QUALITY].groupby(named(chosen)).mean()


def draw(runs: pd.DataFrame, path: Path) -> None:
    """One point a method; the front is joined. Methods that learn nothing stand at the left edge."""
    matplotlib.rcParams["svg.hashsalt"] = "tfrec"  # the same figures give the same file
    table = best_first(runs)
    best = table[front(table[QUALITY], table[COST])].sort_values(COST)
    least = table.loc[table[COST] > 0, COST].min()
    at = table[COST].clip(lower=least / 2)
    figure, axes = pyplot.subplots(figsize=(9, 6), layout="constrained")
    axes.plot(best[COST].clip(lower=least / 2), best[QUALITY], color="C1", drawstyle="steps-post", zorder=1)
    axes.scatter(at, table[QUALITY], s=18, color=["C1" if name in best.index else "C0" for name in table.index])
    for name, x, y in zip(table.index, at, table[QUALITY], strict=True):
        axes.annotate(name, (x, y), xytext=(4, 2), textcoords="offset points", fontsize=7)
    axes.set_xscale("log")
    axes.set_ylim(bottom=table[QUALITY].quantile(0.1) - 0.01)  # what failed altogether stands in the table
    axes.set_xlabel("examples an update, replayed ones included")
    axes.set_ylabel("NDCG@10, all items")
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def tested(comparison: pd.DataFrame, known: Collection[str]) -> list[str]:
    """Rows of the table of tests by the first metric, best first.

    Args:
        comparison: what `tfrec.compare` wrote, which names a method by all that it overrides, in another order, and
            fine-tuning by the experiment. known: names of the methods.
    """
    table = comparison[(comparison["metric"] == "all/ndcg@10") & comparison["cost"].notna()]  # none of a baseline
    table = table.sort_values("mean", ascending=False)
    words = shortened(table["method"].str.replace(", ", " ").replace("forgetting", "fine-tuning"))
    names = {frozenset(name.split()): name for name in known}
    lines = []
    for name, row in zip(words, table.to_dict("records"), strict=True):
        mean = f"{row['mean']:.4f} {bracket(row, 'low', 'high', '.4f')}"
        difference = f"{row['difference']:+.4f} {bracket(row, 'difference_low', 'difference_high', '+.4f')}"
        gap = f"{row['gap_closed']:.2f} {bracket(row, 'gap_low', 'gap_high', '.2f')}"
        p = " | ".join(p_value(row[each]) for each in ("p_holm", "p_seeds"))
        lines.append(f"| `{names[frozenset(name.split())]}` | {row['seeds']} | {mean} | {difference} | {p} | {gap} |")
    return lines


if __name__ == "__main__":
    tables = {name: read_table(FOLDER / f"{name}.csv") for name in ("screening", "tuning", "finals")}
    for name in ("screening", "finals"):
        draw(tables[name], FOLDER / f"{name}.svg")
    periods = read_table(FOLDER / "screening_periods.csv")
    screening = best_first(tables["screening"]).assign(early=early(periods, REPORTED))
    print(*rows(screening, [*COLUMNS, "early"], COST), sep="\n")
    print(*rows(best_first(tables["tuning"], COLUMNS[:3]), COLUMNS[:3], COST), sep="\n")
    finals = best_first(tables["finals"], FINALS)
    print(*rows(finals, FINALS, COST), sep="\n")
    print(*tested(pd.read_csv(FOLDER / "comparison.csv"), finals.index), sep="\n")
