"""The tables that a finished run prints."""

import re

import numpy as np
from rich import box
from rich.table import Table

from tfrec.metrics.prequential import SMALLER_IS_BETTER

COLUMNS = 9  # metrics side by side, which fit into a terminal


def final_tables(title: str, means: dict[str, float], headline: str) -> list[Table]:
    """The final means, one line a scorer, best first by the headline; of slices, only those of the run's model.

    As many tables as are needed for `COLUMNS` metrics each; slices come last.

    Args:
        means: by tag. headline: the tag that is sorted by.
    """
    tables = []
    for of_slices in (False, True):
        found = {tag: split(tag) for tag in means}
        chosen = {name: parts for name, parts in found.items() if parts[0] and shown(parts[0], of_slices)}
        metrics = list(dict.fromkeys(metric for _, metric in chosen.values()))
        names = list(dict.fromkeys(scorer for scorer, _ in chosen.values()))
        first = split(headline)[1]
        sign = 1 if first in SMALLER_IS_BETTER else -1
        names.sort(key=lambda name: sign * means.get(f"{name}/{first}", sign * np.inf))  # noqa: B023  used at once
        for start in range(0, len(metrics), COLUMNS):
            tables.append(_table(title, names, metrics[start : start + COLUMNS], means))
    return tables


def shown(scorer: str, of_slices: bool) -> bool:
    """Whether a scorer is in the table of slices, or in that of the whole."""
    return scorer.startswith("slice/") if of_slices else "slice/" not in scorer


def _table(title: str, names: list[str], metrics: list[str], means: dict[str, float]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for metric in metrics:
        table.add_column(re.sub("[/_]", "\n", metric).replace("@", "\n@"), justify="right", no_wrap=True)
    for name in names:
        label = "this run" if name == "eval" else name.removeprefix("baseline/").replace("slice/", "this run: ")
        values = (means.get(f"{name}/{metric}", np.nan) for metric in metrics)
        cells = ["" if np.isnan(value) else f"{value:.4f}" for value in values]
        if any(cells):
            table.add_row(label, *cells, style="bold" if name == "eval" else None)
    return table


def split(tag: str) -> tuple[str, str]:
    """Scorer and metric of a tag, `baseline/popularity` and `all/ndcg@10`; two empty texts for what is no metric."""
    found = re.fullmatch(r"(eval|slice/[^/]+|baseline/[^/]+(?:/slice/[^/]+)?)/(.+)", tag)
    return found.groups() if found else ("", "")
