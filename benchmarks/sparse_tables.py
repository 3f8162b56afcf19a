"""What a step costs in a table of many rows, by optimizer: 100 thousand rows beside 10 million.

    python benchmarks/sparse_tables.py                         # writes benchmarks/results/sparse_tables.json
    python benchmarks/sparse_tables.py --only lazy_adam,adam   # some optimizers; the others keep the figures of before

One table of rows of 32 numbers, 4,096 ids a batch, a mean of squares as loss, through `Learner.step`, with and
without XLA. Ids are drawn in three ways:

- `popular`: by Zipf's law with exponent 1.1 over all rows, which ids have in the order of their first appearance, as
  a `Vocabulary` gives them. The figure that is asked.
- `uniform`: every row is equally likely. In a large table nearly every row is then a miss of caches and of the
  processor's table of pages, which no optimizer can avoid: the most that size can cost.
- `same`: the same ids at both sizes, uniform over 100 thousand rows: what size costs where memory plays no part.

Adam, which moves every row, is the contrast: at 100 thousand and a million rows. The lazy ones are measured once more
with pages of 2 MB (`GLIBC_TUNABLES=glibc.malloc.hugetlb=1`), of which the processor has to look up fewer. Sizes and
ways take turns; times are medians of several rounds of steps, with the fastest and the slowest. Needs 8 GB of memory,
and an idle machine.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
from pathlib import Path

from figures import Figures, figure, in_turns, known, median, peak_memory, report

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
DIM, BATCH = 32, 4096
SMALL, MIDDLE, LARGE = 100_000, 1_000_000, 10_000_000
EXPONENT = 1.1
STEPS, ROUNDS = 50, 9
WAYS = ("popular", "uniform", "same")
OPTIMIZERS = {  # by option of conf/optimizer: the sizes of its tables
    "adagrad": (SMALL, LARGE),
    "lazy_adam": (SMALL, LARGE),
    "adam": (SMALL, MIDDLE),
}


def ids_of(way: str, rows: int) -> list:
    """The ids of `STEPS` batches, `[BATCH]` each."""
    import numpy as np

    rng = np.random.default_rng(0)
    if way != "popular":
        return list(rng.integers(0, SMALL if way == "same" else rows, (STEPS, BATCH), dtype=np.int32))
    shares = np.arange(1, rows + 1, dtype=float) ** -EXPONENT
    # Ids that come at rates of their shares appear for the first time after exponential times of these rates.
    row_of = np.empty(rows, np.int32)
    row_of[np.argsort(rng.exponential(1 / shares))] = np.arange(rows)
    ranks = np.searchsorted(np.cumsum(shares), rng.random((STEPS, BATCH)) * shares.sum())
    return list(row_of[np.minimum(ranks, rows - 1)])


def learner_of(option: str, rows: int, jit_compile: bool):
    """A `Learner` of a model that is one table."""
    import tensorflow as tf
    import tensorflow_recommenders as tfrs
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from tfrec.layers.growing import GrowingTable
    from tfrec.learner import Learner

    class Lookup(tfrs.Model):
        tfrs_model = property(lambda self: self)

        def __init__(self):
            super().__init__()
            self.table = GrowingTable(DIM, capacity=rows)

        def compute_loss(self, features, training=False):
            return tf.reduce_mean(tf.square(self.table(features["id"]) - 1))

    optimizer = instantiate(OmegaConf.load(HERE.parent / f"conf/optimizer/{option}.yaml"))
    return Learner(Lookup(), optimizer, jit_compile=jit_compile)


def steps(learner, batches: list):
    """A round: one step on each batch."""

    def run() -> None:
        for ids in batches:
            loss = learner.step({"id": ids})["loss"]
        float(loss)  # waits for the last step

    return run


def measure(option: str, jit_compile: bool, batches: dict) -> Figures:
    """Milliseconds a step for each size and way of drawing ids, and the ratios of the sizes."""
    small, large = OPTIMIZERS[option]
    count, turns = (5, 3) if option == "adam" else (STEPS, ROUNDS)
    learners = {rows: learner_of(option, rows, jit_compile) for rows in (small, large)}
    competitors = {
        (way, rows): steps(learners[rows], batches[way, rows][:count]) for way in WAYS for rows in (small, large)
    }
    seconds = in_turns(competitors, turns)
    figures, name = {}, f"{option}{', XLA' if jit_compile else ''}"
    for (way, rows), rounds in seconds.items():
        figures[f"{name}, {way}, {rows:,} rows"] = median(rounds, "ms a step", scale=1000 / count)
    for way in WAYS:
        ratios = [b / a for a, b in zip(seconds[way, small], seconds[way, large], strict=True)]
        asked = 1.3 if way == "popular" and option != "adam" else None
        figures[f"{name}, {way}, {large:,}/{small:,}"] = median(ratios, "times as long", asked)
    return figures


def measured(option: str) -> Figures:
    """All figures of an optimizer, measured in this process."""
    import tfrec  # noqa: F401  before TensorFlow

    batches = {(way, rows): ids_of(way, rows) for way in WAYS for rows in OPTIMIZERS[option]}
    figures = {}
    for jit_compile in (False, True):
        figures |= measure(option, jit_compile, batches)
        gc.collect()  # one pair of tables at a time
    figures[f"{option}, peak memory"] = figure(peak_memory() / 1e9, "GB resident, both sizes")
    return figures


def in_process(option: str, pages: str = "") -> Figures:
    """The figures of an optimizer, measured in a process of its own."""
    environment = os.environ | ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} if pages else {})
    command = [sys.executable, __file__, "--measure", option]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    load = {"load": round(os.getloadavg()[0], 1)}
    return {name + pages: line | load for name, line in json.loads(done.stdout.splitlines()[-1]).items()}


def different_rows() -> Figures:
    """How many rows a batch has."""
    import numpy as np

    figures = {}
    for way in WAYS:
        for rows in (SMALL, MIDDLE, LARGE):
            count = float(np.mean([len(np.unique(batch)) for batch in ids_of(way, rows)]))
            figures[f"ids, {way}, {rows:,} rows"] = figure(count, f"different rows in a batch of {BATCH:,}")
    return figures


def main() -> None:
    """Measures, prints a table and writes the figures."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--only", default=",".join(OPTIMIZERS), help="optimizers, such as adagrad,lazy_adam")
    arguments.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = arguments.parse_args()
    only = arguments.only.split(",")
    unknown = sorted(set(only) - set(OPTIMIZERS))
    if unknown:
        raise SystemExit(f"--only has {', '.join(unknown)}: choose from {', '.join(OPTIMIZERS)}.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.measure:
        print(json.dumps(measured(arguments.measure)))
        return
    figures = {name: line for name, line in known("sparse_tables").items() if name.partition(",")[0] not in only}
    figures |= different_rows()
    for option in only:
        figures |= in_process(option)
        if option != "adam":
            figures |= in_process(option, ", pages of 2 MB")
    report("sparse_tables", figures, dim=DIM, batch=BATCH, exponent=EXPONENT)


if __name__ == "__main__":
    main()
