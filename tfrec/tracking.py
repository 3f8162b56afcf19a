"""What a run leaves behind: event files, `stream.csv`, `results.json`, and a table on the terminal."""

import json
import logging
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tensorboard.plugins.hparams import api as hparams

from tfrec.final_table import final_tables, split
from tfrec.folders import replace_file
from tfrec.metrics.prequential import average
from tfrec.metrics.ranking import mean
from tfrec.scores import Scores

log = logging.getLogger(__name__)

COSTS, UPDATE_SECONDS = ("cost/steps", "cost/examples"), "cost/update_seconds"


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
        self.headline = tag_of(metric)
        self.rows: list[dict] = []
        self.row: dict = {}
        self.update_seconds = 0.0  # of all updates, those before a resume included
        self.per_request = Scores(self.folder)
        self.writer = tf.summary.create_file_writer(str(self.folder))
        self._started = time.perf_counter()
        self._console = Console(stderr=True)
        self._progress, self._task = None, None
        self._write_results("running", {})

    def seconds(self) -> float:
        """Seconds of work on this run, those before a resume included."""
        return time.perf_counter() - self._started

    def resume(self, rows: list[dict], seconds: float, update_seconds: float) -> None:
        """Goes on from the rows and the times of a checkpoint."""
        self.rows, self.update_seconds = rows, update_seconds
        self.per_request.resume(rows[-1]["period"] if rows else -1)
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

    def scores(
        self,
        scorer: str,
        values: dict[str, np.ndarray],
        totals: dict[str, float] | None = None,
        keys: dict[str, np.ndarray] | None = None,
    ) -> None:
        """Adds a scorer's values per request of the current period, under `<scorer>/<view>/<metric>@<k>`.

        Those of slices, `slice/<slice>/<view>/...`, stay under this name for the model and are added under
        `baseline/<name>/slice/<slice>/<view>/...` for a baseline.

        Args:
            values: `[requests]` each. totals: metrics of the period as a whole.
            keys: what says which request is which, `[requests]` each; with them, the values are kept per request.
        """
        prefix = "" if scorer == "eval" else f"{scorer}/"
        for name, per_request in values.items():
            value, pairs = mean(per_request)
            tag = f"{prefix}{name}" if name.startswith("slice/") else f"{scorer}/{name}"
            self.row[tag] = value
            self.row.setdefault(f"pairs/{name.rpartition('/')[0]}", pairs)
        self.row |= {f"{scorer}/{name}": value for name, value in (totals or {}).items()}
        if keys is not None:
            self.per_request.add(scorer, keys, values)

    def values(self, scorer: str, values: dict[str, float], events: int) -> None:
        """Adds a scorer's metrics over the `events` events of the current period, under `<scorer>/<metric>`."""
        self.row |= {f"{scorer}/{name}": value for name, value in values.items()} | {"pairs/events": events}

    def validation(self, epoch: int, value: float) -> None:
        """Writes the validation score after an epoch of the base; the step is the epoch."""
        with self.writer.as_default(step=epoch):
            tf.summary.scalar(f"validation/{self.headline.removeprefix('eval/')}", value)

    def end_of_period(self, t: int, repeatable: dict[str, float], timings: dict[str, float]) -> None:
        """Closes the row of period t and writes it everywhere."""
        self.rows.append({"period": t, **self.row, **repeatable})
        self.per_request.end_of_period(t)
        self.update_seconds += timings.get(UPDATE_SECONDS, 0.0)
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
        """Each metric averaged over all pairs of its view, or over all events; all else over periods."""
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
            elif tag.startswith("served/") or tag in COSTS:
                means[tag] = float(table[tag].mean())
        return means | ({UPDATE_SECONDS: self.update_seconds / len(table)} if self.update_seconds else {})

    def finish(self, costs: dict[str, float]) -> None:
        """Writes the final means to TensorBoard and `results.json`, and prints the table."""
        means = self.means()
        last = self.rows[-1]["period"]
        self.per_request.finish()
        with self.writer.as_default(step=last):
            for tag, value in means.items():
                tf.summary.scalar(f"final/{tag}", value)
        self.writer.close()
        self._write_results("finished", means | costs)
        periods = f"periods {self.rows[0]['period']} to {last}"
        title = f"{self.facts['name']}, seed {self.facts['seed']}: {periods}"
        console = Console(width=max(Console().width, 130))
        for table in final_tables(title, means, self.headline):
            console.print(table)

    def fail(self, reason: str) -> None:
        """Marks the run as failed, with the reason, in `results.json`."""
        self.writer.close()
        self._write_results("failed", self.means() if self.rows else {}, reason)

    def _write_stream(self) -> None:
        replace_file(self.folder / "stream.csv", pd.DataFrame(self.rows).to_csv(index=False))

    def _write_results(self, status: str, metrics: dict[str, float], reason: str | None = None) -> None:
        results = {**self.facts, "status": status, "seconds": round(self.seconds(), 3), "metrics": metrics}
        if reason is not None:
            results["reason"] = reason
        replace_file(self.folder / "results.json", json.dumps(results, indent=1) + "\n")


def tag_of(metric: str) -> str:
    """The tag of the model's values of a metric, of rankings in the view all."""
    ranks = "@" in metric or metric.partition("~")[0] == "mrr"
    return f"eval/all/{metric}" if ranks else f"eval/{metric}"
