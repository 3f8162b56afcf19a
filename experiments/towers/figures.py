"""What each choice changes, drawn from ablation.csv: `python experiments/towers/figures.py`; needs matplotlib."""

import re
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import pandas as pd  # noqa: E402
from matplotlib import pyplot  # noqa: E402

FOLDER = Path(__file__).parent
VIEWS = ("all", "repeat", "novel")
NOISE = 5  # ten-thousandths of NDCG@10, which another seed changes on weeks 20 to 25
AS_IT_IS = "as it is"


def labels(runs: pd.DataFrame) -> list[str]:
    """What each run overrides, as on the command line; the columns before `name` are its overrides, as texts."""
    options = runs.loc[:, :"name"].drop(columns=["+experiment", "name"])
    words = [[f"{key}={value}" for key, value in row.items() if pd.notna(value)] for _, row in options.iterrows()]
    return [" ".join(each) or AS_IT_IS for each in words]


def short(label: str) -> str:
    """A label that fits beside a bar."""
    return re.sub(r"model\.(features\.)?(candidates\.)?|\{_target_:[\w.]*\.(\w+)[^}]*\}", r"\3", label).lstrip("+")


def draw(runs: pd.DataFrame) -> None:
    """`ablation.svg`: differences to the run without a choice, one panel a view."""
    matplotlib.rcParams["svg.hashsalt"] = "tfrec"  # the same figures give the same file
    scores = runs[[f"eval/{view}/ndcg@10" for view in VIEWS]].astype(float).set_index(pd.Index(labels(runs)))
    base = scores.loc[AS_IT_IS]
    change = (10_000 * (scores - base)).drop(AS_IT_IS).sort_values("eval/all/ndcg@10")
    figure, panels = pyplot.subplots(1, 3, sharey=True, figsize=(10, 0.3 * len(change) + 1.2), layout="constrained")
    for view, axes in zip(VIEWS, panels, strict=True):
        values = change[f"eval/{view}/ndcg@10"]
        axes.axvspan(-NOISE, NOISE, color="0.9")
        axes.barh([*map(short, change.index)], values, color=["C3" if v < 0 else "C0" for v in values], height=0.6)
        axes.set_title(f"{view} ({base[f'eval/{view}/ndcg@10']:.4f})", fontsize=10)
        axes.tick_params(labelsize=8)
        axes.grid(axis="x", alpha=0.3)
    figure.supxlabel("NDCG@10 against the run as it is, in ten-thousandths; grey: noise between seeds", fontsize=9)
    figure.savefig(FOLDER / "ablation.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(pd.read_csv(FOLDER / "ablation.csv", dtype=str))
