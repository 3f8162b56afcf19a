"""What all benchmarks share: rounds in turns, a line of a table, and the file that keeps the figures."""

import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
Figures = dict[str, dict]


def figure(value: float, unit: str, asked: float | None = None, spread: tuple[float, float] | None = None) -> dict:
    """One line of the table; `spread` are the fastest and the slowest round."""
    line = {"value": _digits(value), "asked": asked, "unit": unit}
    return line | {"spread": [_digits(end) for end in spread]} if spread else line


def median(rounds: list[float], unit: str, asked: float | None = None, scale: float = 1) -> dict:
    """The line of several rounds, each times `scale`."""
    rounds = [scale * value for value in rounds]
    return figure(statistics.median(rounds), unit, asked, (min(rounds), max(rounds)))


def in_turns(competitors: dict[str, Callable], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round; the first one, in which graphs are traced, does not count."""
    seconds = {name: [] for name in competitors}
    for turn in range(rounds + 1):
        for name, competitor in competitors.items():
            started = time.perf_counter()
            competitor()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _digits(value: float) -> float:
    return float(f"{value:.5g}")


def known(name: str) -> Figures:
    """The figures that `results/<name>.json` keeps; none if there is no file."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["figures"] if path.is_file() else {}


def report(name: str, figures: Figures, **facts) -> None:
    """Prints the table and writes `results/<name>.json`.

    Args:
        facts: what else the file should say.
    """
    from tfrec import origin

    width = max(map(len, figures))
    for label, line in sorted(figures.items()):
        asked = "" if line["asked"] is None else f"asked {line['asked']:g}"
        spread = "{:.4g} to {:.4g}".format(*line["spread"]) if "spread" in line else ""
        print(f"{label:<{width}} {line['value']:>14,.4g} {spread:>20} {asked:>14}  {line['unit']}")
    result = {
        "commit": origin.commit(),
        "machine": f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}",
        **facts,
        "figures": dict(sorted(figures.items())),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
