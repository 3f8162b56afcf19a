"""What a training step costs: beside plain TensorFlow Recommenders, its three products alone, and large tables.

    python benchmarks/training_step.py             # writes benchmarks/results/training_step.json

Two towers of ids, 64 dimensions, in-batch softmax over 4,096 rows, Adagrad, on 40 batches of Complete Journey's first
26 weeks. `tfrs` is a `tfrs.Model` written as in TFRS's tutorial, on rows instead of strings (which spares it the
lookups), by `fit` from a cached `tf.data` pipeline; its loss is the mean over the batch, as tfrec's is. `tfrec` is
`model=two_tower` without history and texts, through `Learner.learn`, batches made from examples as in a run. Both
without and with XLA, in turns; first, the losses of both from the same weights on the same batches are compared.

Where tfrec removes accidental hits, TFRS gets the items' ids to do so too. The last part learns with item and user
tables of 100 thousand and of 10 million rows, ids drawn evenly.
"""

import argparse
import time

import numpy as np
import two_towers
from figures import Figures, figure, in_turns, median, report
from two_towers import BATCH, DIM, STEPS, first, weeks

import tensorflow as tf  # isort: skip


def beside_tfrs(rounds: int) -> Figures:
    """Examples a second, and how often TFRS's faster mode."""
    figures = {}
    for hits in (True, False):
        name = "with accidental hits, as in the tutorial" if hits else "accidental hits removed"
        states = {jit: weeks(accidental_hits=hits, jit_compile=jit) for jit in (False, True)}
        update = first(states[False].update(range(26)))
        difference = two_towers.largest_difference(states[False], update, hits)
        figures[f"a.{name}: largest difference of losses"] = figure(difference, "relative", 1e-4)
        competitors = {}
        for jit, state in states.items():
            mode = "XLA" if jit else "plain"
            competitors[f"tfrs, {mode}"] = two_towers.fitted(state, update, jit, hits)
            competitors[f"tfrec, {mode}"] = lambda state=state: state.learner.learn(update, 1, BATCH, 0)  # noqa: B023
        seconds = in_turns(competitors, rounds)
        for mode, each in seconds.items():
            figures[f"a.{name}: {mode}"] = median([STEPS * BATCH / s for s in each], "examples/s")
        ours = seconds["tfrec, plain"]
        theirs = [min(pair) for pair in zip(seconds["tfrs, plain"], seconds["tfrs, XLA"], strict=True)]
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        figures[f"a.{name}: tfrec/tfrs"] = median(ratios, "times the examples/s of TFRS's faster mode", 1.5)
        waited = states[False].learner.waited
        figures[f"b.{name}: waiting for batches"] = figure(waited, "share of the time", 0.05)
        if hits:
            figures |= limits([s / STEPS for s in ours], rounds)
    return figures


def limits(ours: list[float], rounds: int) -> Figures:
    """The three products of the scores alone, over the batch's rows and over its different items."""
    figures = {}
    for columns, name in ((BATCH, "4,096 columns"), (3072, "3,072 columns, as many as different items")):
        query, candidate = tf.random.normal([BATCH, DIM]), tf.random.normal([columns, DIM])
        weights = tf.random.normal([BATCH, columns])

        @tf.function
        def products():
            scores = tf.matmul(query, candidate, transpose_b=True)  # noqa: B023
            to_query = tf.matmul(weights, candidate)  # noqa: B023
            return scores, to_query, tf.matmul(weights, query, transpose_a=True)  # noqa: B023

        seconds = in_turns({"": products}, 4 * rounds)[""]
        figures[f"a.three products, {name}"] = median(seconds, "ms", None, 1000)
        figures[f"a.step/three products, {name}"] = figure(np.median(ours) / np.median(seconds), "times as long")
    figures["a.step of tfrec, plain"] = median(ours, "ms", None, 1000)
    return figures


def overhead(rounds: int) -> Figures:
    """What a step costs beside the graph: epochs of small steps, and the same steps in one call of the graph."""
    figures = {}
    for size in (256, 4096):
        state = weeks()
        update = first(state.update(range(26)), 192 * size)
        batches = update.examples.batches(update.candidates, size, np.random.default_rng(0))
        prepared = [state.model.batch(next(batches)) for _ in range(min(64, 65_536 // size))]  # as many as learn has
        most = max(len(batch["count"]) for batch in prepared)
        alike = [batch for batch in prepared if len(batch["count"]) == most]
        stack = {key: np.stack([batch[key] for batch in alike]) for key in alike[0]}
        state.learner.learn(update, 1, size, 0)
        seconds = in_turns(
            {
                "learn": lambda: state.learner.learn(update, 1, size, 0),  # noqa: B023
                "graph": lambda: tf.nest.map_structure(np.array, state.learner._call(stack)),  # noqa: B023
            },
            rounds,
        )
        differences = [a / 192 - b / len(alike) for a, b in zip(seconds["learn"], seconds["graph"], strict=True)]
        name = f"c.batches of {size:,}"
        figures[f"{name}: a step in learn"] = median(seconds["learn"], "ms", None, 1000 / 192)
        figures[f"{name}: a step of the graph alone"] = median(seconds["graph"], "ms", None, 1000 / len(alike))
        figures[f"{name}: beside the graph"] = median(differences, "microseconds a step", 200, 1e6)
    return figures


def modes(rounds: int) -> Figures:
    """The quickstart's query tower, with 50 items of history, with and without XLA."""
    states = {mode: weeks(50, jit_compile=mode == "XLA") for mode in ("plain", "XLA")}
    update = first(states["plain"].update(range(26)))
    competitors = {mode: lambda state=state: state.learner.learn(update, 1, BATCH, 0) for mode, state in states.items()}
    seconds = in_turns(competitors, rounds)
    return {f"d.with history, {mode}": median(each, "ms a step", None, 1000 / STEPS) for mode, each in seconds.items()}


def large_tables(rounds: int) -> Figures:
    """The whole step with tables of two sizes, ids drawn evenly."""
    competitors = {rows: two_towers.of_size(rows) for rows in (100_000, 10_000_000)}
    seconds = in_turns(competitors, rounds)
    figures = {f"e.{n:,} rows of 32": median(each, "ms a step", None, 1000 / STEPS) for n, each in seconds.items()}
    small, large = seconds.values()
    ratios = [b / a for a, b in zip(small, large, strict=True)]
    return figures | {"e.10,000,000 rows/100,000 rows, whole step": median(ratios, "times as long", 1.3)}


PARTS = {"a": beside_tfrs, "c": overhead, "d": modes, "e": large_tables}


def main() -> None:
    """Measures, prints a table and writes the figures."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=7)
    rounds = arguments.parse_args().rounds
    started, figures = time.perf_counter(), {}
    for part in PARTS.values():
        figures |= part(rounds)
    report("training_step", figures, seconds=round(time.perf_counter() - started))


if __name__ == "__main__":
    main()
