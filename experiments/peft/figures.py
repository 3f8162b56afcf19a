"""The record's tables, and quality against seconds as a figure, from the tables of runs; needs matplotlib:
`python experiments/peft/figures.py`."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import pandas as pd  # noqa: E402
from matplotlib import pyplot  # noqa: E402

from tfrec.study_table import means, methods, read_table  # noqa: E402

FOLDER = Path(__file__).parent
NOVEL = "eval/novel/recall@100"
QUALITY = ["eval/all/ndcg@10", "eval/novel/ndcg@10", NOVEL, "slice/new_item/all/recall@100"]
FORGETTING = "continual/forgetting"
WEIGHTS, SECONDS, MEMORY = "cost/trainable_parameters", "cost/update_seconds", "cost/peak_memory_bytes"
RATE = "strategy.rates.encoder"  # which goes with the method
OF_ALL = ["stream.users", "loop.last"]


def tried(runs: pd.DataFrame) -> list[str]:
    """Rows of the record's table of rates: NDCG@10 of each method by each rate, the best in bold."""
    lines = []
    for name, found in runs.groupby(methods(runs, [RATE, *OF_ALL]), sort=False):
        values = found.set_index(found[RATE].astype(float))[QUALITY[0]].sort_index()
        cells = [f"{rate:g}: **{v:.4f}**" if v == values.max() else f"{rate:g}: {v:.4f}" for rate, v in values.items()]
        lines.append(f"| `{name}` | {', '.join(cells)} |")
    return lines


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of each method, the best first; weights are those of the encoder."""
    found = means(runs, methods(runs, [RATE, *OF_ALL]), [*QUALITY, FORGETTING, WEIGHTS, SECONDS, MEMORY])
    found[WEIGHTS] -= found.loc["peft=frozen", WEIGHTS]
    return found.sort_values(NOVEL, ascending=False)


def rows(found: pd.DataFrame) -> list[str]:
    """Rows of the record's table."""
    lines = []
    for name, row in found.iterrows():
        quality = " | ".join(f"{row[column]:.4f}" for column in [*QUALITY, FORGETTING])
        costs = f"{row[WEIGHTS]:,.0f} | {row[SECONDS]:.1f} | {row[MEMORY] / 1e9:.2f}"
        lines.append(f"| `{name}` | {row['seeds']:.0f} | {quality} | {costs} |")
    return lines


def draw(found: pd.DataFrame, path: Path) -> None:
    """What is found of what nobody of the household has bought before, against the seconds of an update."""
    matplotlib.rcParams["svg.hashsalt"] = "tfrec"  # the same figures give the same file
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for name, row in found.iterrows():
        axes.plot(row[SECONDS], row[NOVEL], "o", color="tab:blue")
        axes.annotate(
            name.removeprefix("peft="), (row[SECONDS], row[NOVEL]), (4, 4), textcoords="offset points", fontsize=8
        )
    axes.set_xlabel("seconds of an update")
    axes.set_ylabel("recall@100 of novel items")
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    runs = read_table(FOLDER / "results.csv")
    names = methods(runs, [RATE, *OF_ALL])
    of_finals = runs[names.groupby(names).transform("size") == 5]
    for name, chosen in (("screening", runs[runs["seed"] < 2]), ("finals", of_finals)):
        if len(chosen):
            found = table(chosen)
            print(f"**{name.capitalize()}**", *rows(found), sep="\n")
            draw(found, FOLDER / f"{name}.svg")
    print("**Rates**", *tried(read_table(FOLDER / "tuning.csv")), sep="\n")
