"""What exact evaluation costs: beside TensorFlow Recommenders and FAISS, with texts, at a million items.

    pip install '.[benchmark]'
    python benchmarks/evaluation.py                # writes benchmarks/results/evaluation.json
    python benchmarks/evaluation.py --only a,d     # some parts; the others keep the figures of before

a. The whole catalogue ranked for 1,024 requests and scored in three views (`rankings.py`).
b. A catalogue of 10,000 texts encoded by MiniLM (`texts.py`; needs the extra `quickstart`).
c. Up to a million items and 10,000 requests: seconds and memory, in a process of its own (`rankings.py`).
d. A million results of (user, period) pairs: bootstrap of 10,000 draws.

Run it on an idle machine. Times are medians of several rounds in which the competitors take turns, with the fastest
and the slowest; part b, which takes minutes, is run once.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from figures import Figures, figure, in_turns, known, median, peak_memory, report

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
CORES = 2
ROUNDS = 9


def rankings() -> Figures:
    """Part a."""
    from rankings import competitors, week

    figures = {}
    seconds = in_turns(competitors(), ROUNDS) | in_turns(week(), 5)
    for name, rounds in seconds.items():
        figures[f"a.{name}"] = median(rounds, "s")
    for ours in ("evaluator", "evaluator, 30 bought"):
        for other, asked, is_at_most in (
            ("product", 2.5, True),
            ("FactorizedTopK by 1,024", 5, False),
            ("FactorizedTopK by 16,384", 5, False),
            ("BruteForce", 1, False),
            ("FAISS", 1, False),
        ):
            ratios = [b / a for a, b in zip(seconds[ours], seconds[other], strict=True)]
            ratios = [1 / ratio for ratio in ratios] if is_at_most else ratios
            unit = "times as long as the product" if is_at_most else f"times as fast as {other}"
            name = f"a.{ours}/{other}" if is_at_most else f"a.{other}/{ours}"
            figures[name] = median(ratios, unit, asked)
    return figures


def texts() -> Figures:
    """Part b."""
    from texts import seconds_of

    seconds = seconds_of()
    figures = {f"b.{name}": figure(value, "s") for name, value in seconds.items()}
    for ours in ("evaluator, nothing encoded", "evaluator, vectors on disk"):
        figures[f"b.FactorizedTopK/{ours}"] = figure(seconds["FactorizedTopK"] / seconds[ours], "times as fast")
    return figures


def sizes() -> Figures:
    """Part c."""
    command = [sys.executable, __file__, "--measure"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    figures = {"c.peak memory": figure(found["peak"] / 1e9, "GB resident, whole process", 4)}
    seconds = found["seconds"]
    most, whole = list(seconds)[-1], list(seconds.values())[-1]
    for name, rounds in seconds.items():
        items, queries = map(int, name.split("x"))
        line = f"c.{items:,} items, {queries:,} requests"
        figures[line] = median(rounds, "s")
        if name != most:
            share = items * queries / (1_000_000 * 10_000)
            a_pair = statistics.median(whole) / (statistics.median(rounds) / share)
            figures[f"{line}, linear"] = figure(a_pair, "times the seconds a (request, item) with most of both", 1)
    return figures


def bootstrap() -> Figures:
    """Part d."""
    import numpy as np

    from tfrec.metrics.bootstrap import bootstrap_interval

    figures, rng = {}, np.random.default_rng(0)
    for users, periods in ((100_000, 10), (2_500, 400)):
        user = np.repeat(np.arange(users), periods)
        a, b = rng.random((2, len(user)))
        weight = np.ones(len(user))
        rounds = in_turns({"": lambda: bootstrap_interval(user, weight, a, b, 10_000)}, 2)[""]  # noqa: B023
        name = f"d.{users:,} users in {periods} periods, 10,000 draws"
        figures[name] = median(rounds, "s", 30)
    return figures


PARTS = {"a": rankings, "b": texts, "c": sizes, "d": bootstrap}


def measure() -> dict:
    """Part c, in the process whose memory counts."""
    from rankings import million

    seconds = in_turns(million(), 3)
    return {"seconds": seconds, "peak": peak_memory()}


def main() -> None:
    """Measures, prints a table and writes the figures."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--only", default=",".join(PARTS), help="parts, such as a,d")
    arguments.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = arguments.parse_args()
    only = arguments.only.split(",")
    unknown = sorted(set(only) - set(PARTS))
    if unknown:
        raise SystemExit(f"--only has {', '.join(unknown)}: choose from {', '.join(PARTS)}.")
    os.environ.setdefault("OMP_NUM_THREADS", str(CORES))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.measure:
        print(json.dumps(measure()))
        return
    figures = {name: line for name, line in known("evaluation").items() if name[0] not in only}
    for part in only:
        figures |= {name: line | {"load": round(os.getloadavg()[0], 1)} for name, line in PARTS[part]().items()}
    report("evaluation", figures)


if __name__ == "__main__":
    main()
