"""What a run leaves behind: event files, `stream.csv`, `results.json`, and a table on the terminal."""

import json
import logging
import os
import re
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from tensorboard.plugins.hparams import api as hparams

from tfrec.metrics.prequential import SMALLER_IS_BETTER, average

log = logging.getLogger(__name__)


class Tracker:
    """Collects the metrics of a run, period by period.

    A row of `stream.csv` holds a period's number, its pairs per view and its tags; all of it repeats bit for bit
    from the same seed, so times are in the event files and in `results.json` only.

    Args:
        folder: the run's folder.
        facts: `name`, `seed`, `commit`, `overrides` and other facts for `results.json`.
        metric: the metric shown while running and sorted by: `<metric>@<k>`, in the view all, or the name of a
            metric of events.
    """

    def __init__(self, folder: str | Path, facts: dict, metric: str = "ndcg@10") -> None:
        self.folder, self.facts = Path(folder), facts
        self.headline = f"eval/all/{metric}" if "@" in metric else f"eval/{metric}"
        self.rows: list[dict] = []
        self.row: dict = {}
        self.writer = tf.summary.create_file_writer(str(self.folder))
        self._started = time.perf_counter()
        self._console = Console(stderr=True)
        self._progress, self._task = None, None
        self._write_results("running", {})

    def seconds(self) -> float:
        """Seconds of work on this run, those before a resume included."""
        return time.perf_counter() - self._started

    def resume(self, rows: list[dict], seconds: float) -> None:
        """Goes on from the rows and the time of a checkpoint."""
        self.rows = rows
        self._started = time.perf_counter() - seconds
        self._write_stream()

    def text(self, texts: dict[str, str]) -> None:
        """Logs texts (configuration, command, versions) to TensorBoard."""
        with self.writer.as_default(step=0):
            for tag, text in texts.items():
                tf.summary.text(tag, f"```\n{text}\n```")

    def hparams(self, values: dict) -> None:
        """Logs what was chosen, for TensorBoard's table of runs."""
        with self.writer.as_default(step=0):
            hparams.hparams(values)

    def scores(self, scorer: str, values: dict[str, np.ndarray], slices: dict[str, np.ndarray] | None = None) -> None:
        """Adds a scorer's values per request of the current period, under `<scorer>/<view>/<metric>@<k>`.

        Args:
            slices: requests `[requests]` bool by name, whose values are added under `slice/<slice>/<view>/...` for
                the model and `baseline/<name>/slice/<slice>/<view>/...` for a baseline.
        """
        self._add(f"{scorer}/", "", values)
        for name, chosen in (slices or {}).items():
            prefix = "" if scorer == "eval" else f"{scorer}/"
            self._add(prefix, f"slice/{name}/", {key: value[chosen] for key, value in values.items()})

    def _add(self, scorer: str, cut: str, values: dict[str, np.ndarray]) -> None:
        for name, per_request in values.items():
            finite = per_request[np.isfinite(per_request)]
            self.row[f"{scorer}{cut}{name}"] = float(finite.mean()) if len(finite) else np.nan
            self.row[f"pairs/{cut}{name.partition('/')[0]}"] = len(finite)

    def values(self, scorer: str, values: dict[str, float], events: int) -> None:
        """Adds a scorer's metrics over the `events` events of the current period, under `<scorer>/<metric>`."""
        self.row |= {f"{scorer}/{name}": value for name, value in values.items()} | {"pairs/events": events}

    def end_of_period(self, t: int, repeatable: dict[str, float], timings: dict[str, float]) -> None:
        """Closes the row of period t and writes it everywhere."""
        self.rows.append({"period": t, **self.row, **repeatable})
        scalars = {tag: v for tag, v in (self.rows[-1] | timings).items() if tag != "period"}
        with self.writer.as_default(step=t):
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value)
        self.writer.flush()
        self._write_stream()
        self.row = {}
        running = self.means().get(self.headline, float("nan"))
        # A terminal shows the bar; a log file or a pipe gets a line a period.
        level = logging.DEBUG if self._console.is_terminal else logging.INFO
        log.log(level, "period %d: %s %.4f, mean so far %.4f", t, self.headline, self.rows[-1][self.headline], running)
        if self._progress is not None:
            self._progress.update(self._task, advance=1, metric=f"{self.headline} {running:.4f}")

    @contextmanager
    def progress(self, done: int, total: int):
        """A progress bar over the scored periods, with the running mean of the headline metric."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.fields[metric]}"), console=self._console) as self._progress:
            self._task = self._progress.add_task("periods", total=total, completed=done, metric="")
            yield
        self._progress = None

    def means(self) -> dict[str, float]:
        """Each metric averaged over all pairs of its view, or over all events; what was served, over periods."""
        table = pd.DataFrame(self.rows)
        means = {}
        for tag in table.columns:
            scorer, name = split(tag)
            view, _, metric = name.rpartition("/")
            if scorer and view != "running":
                cut = scorer[scorer.index("slice/") :] + "/" if "slice/" in scorer else ""
                pairs = table[f"pairs/{cut}{view or 'events'}"]
                if pairs.sum():  # a view that never had a target has no mean
                    means[tag] = average(metric, table[tag], pairs)
            elif tag.startswith("served/"):
                means[tag] = float(table[tag].mean())
        return means

    def finish(self, costs: dict[str, float]) -> None:
        """Writes the final means to TensorBoard and `results.json`, and prints the table."""
        means = self.means()
        last = self.rows[-1]["period"]
        with self.writer.as_default(step=last):
            for tag, value in means.items():
                tf.summary.scalar(f"final/{tag}", value)
        self.writer.close()
        self._write_results("finished", means | costs)
        Console(width=max(Console().width, 110)).print(self.table(means))

    def fail(self, reason: str) -> None:
        """Marks the run as failed, with the reason, in `results.json`."""
        self.writer.close()
        self._write_results("failed", self.means() if self.rows else {}, reason)

    def table(self, means: dict[str, float]) -> Table:
        """The final means, one line a scorer, best first by the headline metric."""
        names, metrics = (list(dict.fromkeys(filter(None, column))) for column in zip(*map(split, means), strict=True))
        periods = f"periods {self.rows[0]['period']} to {self.rows[-1]['period']}"
        table = Table(title=f"{self.facts['name']}, seed {self.facts['seed']}: {periods}", box=box.SIMPLE_HEAD)
        table.add_column("", no_wrap=True)
        for metric in metrics:
            table.add_column(metric.replace("/", "\n").replace("@", "\n@"), justify="right", no_wrap=True)
        headline = split(self.headline)[1]
        sign = 1 if headline in SMALLER_IS_BETTER else -1
        for name in sorted(names, key=lambda name: sign * means.get(f"{name}/{headline}", sign * np.inf)):
            scorer, _, cut = name.partition("slice/")
            shown = scorer.removeprefix("baseline/").strip("/") if scorer not in ("eval", "") else "this run"
            shown = f"{shown}: {cut}" if cut else shown
            style = "bold" if name == "eval" else None
            table.add_row(shown, *(f"{means.get(f'{name}/{metric}', np.nan):.4f}" for metric in metrics), style=style)
        return table

    def _write_stream(self) -> None:
        replace_file(self.folder / "stream.csv", pd.DataFrame(self.rows).to_csv(index=False))

    def _write_results(self, status: str, metrics: dict[str, float], reason: str | None = None) -> None:
        results = {**self.facts, "status": status, "seconds": round(self.seconds(), 3), "metrics": metrics}
        if reason is not None:
            results["reason"] = reason
        replace_file(self.folder / "results.json", json.dumps(results, indent=1) + "\n")


def split(tag: str) -> tuple[str, str]:
    """Scorer and metric of a tag, `baseline/popularity` and `all/ndcg@10`; two empty texts for what is no metric."""
    found = re.fullmatch(r"(eval|slice/[^/]+|baseline/[^/]+(?:/slice/[^/]+)?)/(.+)", tag)
    return found.groups() if found else ("", "")


def replace_file(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(text)
    os.replace(draft, path)
