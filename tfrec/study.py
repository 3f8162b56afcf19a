"""`python -m tfrec.study FILE`: runs what a study's table of results does not have yet, and adds it to the table.

The file says what the study is of:

    runs: runs/forgetting            # where the run folders go
    results: screening.csv           # the table, beside the file
    seeds: [0, 1]
    always: [+experiment=forgetting] # words of every run
    methods:                         # the words of each, beside these
      - []
      - ["strategy=[replay]", strategy.replay.ratio=0.5]

A run that is in the table, by its words and seed, is not made again, so a study that was stopped goes on, and a
method that is added costs its own runs only. The table is written after every run, and beside it, as
`<table>_periods.csv`, what each period of each run reached. A run that was killed goes on from its checkpoint; to make
one anew, remove its row and its folder. Seeds go first: all methods with the first seed, then all with the next.

With `--jobs 2`, two runs go at once, each on half of the cores, so that none waits for the other's; what they print
stands in a file beside the run's folder. A run of the towers of ids keeps little more than one core busy.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

import numpy as np

from tfrec.errors import InputError, require
from tfrec.study_table import Study


def run(study: Study, minutes: float | None = None, jobs: int = 1) -> list[str]:
    """Makes the missing runs; returns the commands of those that failed.

    Args:
        minutes: after which no further run is begun; None makes all.
        jobs: runs at once, each on its share of the cores.

    Raises:
        InputError: more jobs than cores, or none.
    """
    shares, lock = _shares(jobs), Lock()
    last = None if minutes is None else time.monotonic() + 60 * minutes
    missing = study.missing()
    print(f"{len(missing)} runs are missing of {len(study.methods) * len(study.seeds)}", flush=True)

    def make(run: tuple[list[str], int]) -> str | None:
        """Makes one run; returns its command if it failed."""
        if last is not None and time.monotonic() > last:
            return None
        folder = study.folder(*run)
        command = [
            "-m",
            "tfrec.run",
            *study.always,
            *run[0],
            f"seed={run[1]}",
            "resume=auto",
            f"hydra.run.dir={folder}",
        ]
        said = " ".join(["python", *command])
        print(said, flush=True)
        with nullcontext() if jobs == 1 else _log(folder) as output:
            failed = subprocess.run([sys.executable, *command], stdout=output, stderr=output).returncode
        if failed:
            return said if jobs == 1 else f"{said}  # see {_log_file(folder)}"
        with lock:
            study.add(folder)
        return None

    with ThreadPoolExecutor(jobs, initializer=_take_cores, initargs=(shares,)) as pool:
        try:
            failed = [command for command in pool.map(make, missing) if command]
        except BaseException:  # such as Ctrl-C: those that have not begun do not begin
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if last is not None and time.monotonic() > last and study.missing():
        print(f"{minutes} minutes are over: the next call goes on")
    return failed


def _shares(jobs: int) -> SimpleQueue:
    """The cores that each of the jobs may use: equal shares of all."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count())]
    require(1 <= jobs <= len(cores), f"--jobs {jobs} was asked for: this machine has 1 to {len(cores)} for you.")
    shares = SimpleQueue()
    for share in np.array_split(cores, jobs):
        shares.put([int(core) for core in share])
    return shares


def _take_cores(shares: SimpleQueue) -> None:
    """Keeps this thread, and the runs that it begins, on a share of the cores."""
    share = shares.get()
    if hasattr(os, "sched_setaffinity"):  # not on macOS, where all runs share all cores
        os.sched_setaffinity(0, share)


def _log_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def _log(folder: Path):
    folder.parent.mkdir(parents=True, exist_ok=True)
    return _log_file(folder).open("w")


def main() -> None:
    """Goes on with a study; exit code 1 if a run failed."""
    parser = argparse.ArgumentParser(prog="python -m tfrec.study", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="what the study is of, such as experiments/forgetting/screening.yaml")
    parser.add_argument("--minutes", type=float, help="after which no further run is begun")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, each on its share of the cores (default: 1)")
    arguments = parser.parse_args()
    try:
        failed = run(Study.of(arguments.file), arguments.minutes, arguments.jobs)
    except InputError as error:
        sys.exit(f"error: {error}")
    if failed:
        sys.exit("error: these runs failed:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
