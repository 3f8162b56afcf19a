"""The table that a finished run prints."""

import re

import numpy as np
from rich import box
from rich.table import Table

from tfrec.metrics.prequential import SMALLER_IS_BETTER


def final_table(title: str, means: dict[str, float], headline: str) -> Table:
    """The final means, one line a scorer, best first by the headline; of slices, only those of the run's model.

    Args:
        means: by tag. headline: the tag that is sorted by.
    """
    shown = {tag: value for tag, value in means.items() if not re.match("baseline/[^/]+/slice/", tag)}
    names, metrics = (list(dict.fromkeys(filter(None, column))) for column in zip(*map(split, shown), strict=True))
    table = Table(title=title, box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for metric in metrics:
        table.add_column(metric.replace("/", "\n").replace("@", "\n@"), justify="right", no_wrap=True)
    metric = split(headline)[1]
    sign = 1 if metric in SMALLER_IS_BETTER else -1
    names.sort(key=lambda name: (name.startswith("slice/"), sign * shown.get(f"{name}/{metric}", sign * np.inf)))
    for name in names:
        label = "this run" if name == "eval" else name.removeprefix("baseline/").replace("slice/", "this run: ")
        values = (shown.get(f"{name}/{metric}", np.nan) for metric in metrics)
        cells = ("" if np.isnan(value) else f"{value:.4f}" for value in values)
        table.add_row(label, *cells, style="bold" if name == "eval" else None)
    return table


def split(tag: str) -> tuple[str, str]:
    """Scorer and metric of a tag, `baseline/popularity` and `all/ndcg@10`; two empty texts for what is no metric."""
    found = re.fullmatch(r"(eval|slice/[^/]+|baseline/[^/]+(?:/slice/[^/]+)?)/(.+)", tag)
    return found.groups() if found else ("", "")
