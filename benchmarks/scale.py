"""What an event costs as events, users and items become many: 1 million items, 1 million users, 50 million events.

    pip install '.[benchmark]'                         # matplotlib, for the plot
    python benchmarks/scale.py                         # writes benchmarks/results/scale.json and docs/performance.md
    python benchmarks/scale.py --users 20000 --items 20000 --events 500000      # the same, small
    python benchmarks/scale.py --page                  # table and plot anew from the results

An event is a shown item, clicked or not: a row of the simulator's log (`scale_log.py`), ten a request. All are learned
from. The log is written period by period and kept in `--folder` for the next run. Then a process of its own, whose peak
memory counts, takes it in by `data=files`, observes period after period, and with 10, 20, 40 and 100 percent of the
events seen learns `--steps` steps of 4,096 examples drawn from all periods so far; after the first of these marks it
also learns one whole epoch, and at the end it ranks all items for 10,000 requests of the next period (`scale_run.py`).

The model reads histories of ten items, which one earlier request fills. Longer ones fill up over the whole log, as a
user has 50 events in it: with `--history 50` the cost of an example grows with them, however large the log is.

Observing at a mark is the mean over the last five of 50 periods before it, training the median of five rounds. Run it
on an idle machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from figures import Figures, figure, median, report

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from scale_log import PERIODS, write  # noqa: E402
from scale_page import write_page  # noqa: E402
from scale_run import MARKS, run  # noqa: E402

WINDOW, MICRO = 5, 1e6


def figures_of(written: dict, found: dict) -> Figures:
    """Lines of the table that have no marks."""
    rows, epoch = sum(written["rows"]), found["epoch"]
    asked = f"s, {found['requests']:,} requests, {found['items']:,} items"
    return {
        "simulating and writing": figure(sum(written["seconds"]) / rows * MICRO, "us an event"),
        "intake": figure((found["read"] + found["cut"]) / rows * MICRO, "us an event: read, checked, sorted, cut"),
        "observing": figure(sum(found["observed"]) / sum(found["events"]) * MICRO, "us an event, all periods"),
        "epoch at the first mark": figure(epoch["seconds"], f"s, {epoch['examples']:,} examples"),
        "epoch at the first mark, each": figure(epoch["seconds"] / epoch["examples"] * MICRO, "us an example"),
        "evaluation, truth": figure(found["truth"], asked),
        "evaluation, items encoded": figure(found["encoded"], asked),
        "evaluation, ranked and scored": figure(found["ranked"], asked),
        "peak memory": figure(found["peak"] / 1e9, "GB resident, whole process", 20),
        "peak memory, writing": figure(written["peak"] / 1e9, "GB resident, whole process"),
    }


def marks_of(found: dict) -> tuple[Figures, dict[str, list]]:
    """Lines of the table by events seen, and the same as numbers: of observing and training at each mark."""
    events, lines = found["events"], {}
    marks = {"seen": [sum(events[:mark]) for mark in MARKS], "observing": [], "training": []}
    for mark, seen in zip(MARKS, marks["seen"], strict=True):
        part = slice(mark - WINDOW, mark)
        observing = sum(found["observed"][part]) / sum(events[part]) * MICRO
        _, *turns = found["learned"][str(mark)]  # in the first, graphs are traced
        rounds = [turn["seconds"] / turn["examples"] * MICRO for turn in turns]
        marks["observing"].append(observing)
        marks["training"].append(statistics.median(rounds))
        lines[f"observing, {seen:,} events"] = figure(observing, "us an event")
        lines[f"training, {seen:,} events"] = median(rounds, "us an example")
        for name in ("observing", "training") if mark != MARKS[0] else ():
            times = marks[name][-1] / marks[name][0]
            lines[f"{name}, {seen:,} events / first mark"] = figure(times, "times the cost at the first mark", 1.1)
    return lines, marks


def periods_of(written: dict, found: dict) -> dict[str, list]:
    """Microseconds an event in each period, and the events seen by then, for the plot."""
    costs = {"seen": [sum(found["events"][: t + 1]) for t in range(PERIODS)]}
    for name, seconds, events in (
        ("simulating and writing", written["seconds"], written["rows"]),
        ("observing", found["observed"], found["events"]),
    ):
        costs[name] = [round(seconds[t] / events[t] * MICRO, 4) for t in range(PERIODS)]
    return costs


def in_a_process(*arguments: str) -> str:
    """The last line that this program prints with other arguments, in a process of its own."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
    return (done.stdout.splitlines() or [""])[-1]


def measured(folder: Path, sizes: list[str], steps: int, history: int) -> tuple[dict, dict]:
    """What writing and running cost; a log that is there whole is not written again."""
    if not (folder / "written.json").is_file():
        in_a_process("--write", "--folder", str(folder), *sizes)
    found = in_a_process("--run", "--folder", str(folder), "--steps", str(steps), "--history", str(history))
    return json.loads((folder / "written.json").read_text()), json.loads(found)


def main() -> None:
    """Measures, prints a table and writes figures, table and plot."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, size in (("users", 1_000_000), ("items", 1_000_000), ("events", 50_000_000)):
        arguments.add_argument(f"--{name}", type=int, default=size)
    arguments.add_argument("--steps", type=int, default=500, help="at each mark; at most an epoch of the first")
    arguments.add_argument("--history", type=int, default=10, help="items of a user's history that the model reads")
    arguments.add_argument("--folder", type=Path, help="of the log, kept between runs; else in tfrec's cache")
    arguments.add_argument("--page", action="store_true", help="write table and plot anew from the results")
    arguments.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    arguments.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    sizes = asked.users, asked.items, asked.events
    if asked.write:
        write(asked.folder, *sizes)
    elif asked.run:
        print(json.dumps(run(asked.folder, asked.steps, asked.history)))
    else:
        if not asked.page:
            from tfrec.folders import cache_folder

            folder = asked.folder or cache_folder() / "scale" / "-".join(map(str, sizes))
            options = [f"--{name}={size}" for name, size in zip(("users", "items", "events"), sizes, strict=True)]
            steps = max(5, min(asked.steps, asked.events // 10 // 4096))
            written, found = measured(folder, options, steps, asked.history)
            lines, marks = marks_of(found)
            facts = dict(zip(("users", "items", "events"), sizes, strict=True)) | {"history": asked.history}
            facts |= {"users_seen": found["users"], "items_seen": found["items"], "steps": steps, "marks": marks}
            report("scale", figures_of(written, found) | lines, **facts, periods=periods_of(written, found))
        write_page()


if __name__ == "__main__":
    main()
