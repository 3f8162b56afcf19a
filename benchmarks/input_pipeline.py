"""Events from Parquet to training batches: how many a second, and in how much memory.

    python benchmarks/input_pipeline.py            # writes benchmarks/results/input_pipeline.json

A made-up log of 200,000 users and 100,000 items (Zipf-like popularity, a user mostly returns to own items) is written
as Parquet, read by `data=files` (checked, brought into order), cut into weeks, and taken through vocabulary, history
and features into batches of 4,096 rows, as a run does it. Nothing is learned. Memory is measured again with twice as
many events of the same users and items: what it does not share with the first run is what grows with the log.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from figures import figure, peak_memory, report

HERE = Path(__file__).resolve().parent
USERS, ITEMS, OWN, BATCH = 200_000, 100_000, 30, 4096
PIECE = 500_000


def write_log(folder: Path, events: int) -> None:
    """`events.parquet` in time order over one year and one day, and `items.parquet`."""
    rng = np.random.default_rng(0)
    items = pd.DataFrame(
        {"item": np.arange(ITEMS), "title": [f"thing {i % 20_000} of kind {i % 40}" for i in range(ITEMS)]}
    )
    items["kind"] = "kind " + (items["item"] % 40).astype(str)
    items.to_parquet(folder / "items.parquet", index=False)
    start, span = np.datetime64("2024-01-01", "us"), 365 * 86_400 * 1_000_000
    schema = pa.schema([("user", pa.int64()), ("item", pa.int64()), ("timestamp", pa.timestamp("us"))])
    with pq.ParquetWriter(folder / "events.parquet", schema) as file:
        for first in range(0, events, PIECE):
            n = min(PIECE, events - first)
            user = (USERS * rng.random(n) ** 2).astype(np.int64)  # some are far more active than others
            own = rng.integers(0, OWN, n) * 7919 + user * 31  # one of the user's own items
            popular = (ITEMS * rng.random(n) ** 4).astype(np.int64)
            item = np.where(rng.random(n) < 0.8, own % ITEMS, popular)
            moment = start + (span * ((first + np.arange(n)) / events)).astype(np.int64).astype("timedelta64[us]")
            file.write_table(pa.table([user, item, moment], schema=schema))


def pipeline(folder: Path) -> dict[str, float]:
    """Seconds of each stage, events, and the peak memory in bytes over that of the idle process."""
    import tfrec  # noqa: F401  before TensorFlow
    from tfrec.data.features import TowerFeatures
    from tfrec.data.files import load
    from tfrec.data.stream import Stream
    from tfrec.learner import Learner
    from tfrec.loops.state import StreamState
    from tfrec.models.stream_model import StreamModel

    model = StreamModel()
    model.features, model.score = TowerFeatures(), None  # nothing is ranked
    columns = {name: name for name in ("user", "item", "timestamp")}
    idle = peak_memory()
    started = time.perf_counter()
    interactions = load(str(folder / "events.parquet"), str(folder / "items.parquet"), columns=columns, text="title")
    read = time.perf_counter()
    stream = Stream(interactions, "7D")
    cut = time.perf_counter()
    state = StreamState(stream, model, Learner(model, None), {})
    events = rows = 0
    for t in range(len(stream)):
        state.observe(t)
        events += state.sizes[t]
        update = state.update(range(t, t + 1))
        for batch in update.examples.batches(update.candidates, BATCH, np.random.default_rng(t)):
            rows += len(batch["item"])
    done = time.perf_counter()
    seconds = {"read": read - started, "cut": cut - read, "batches": done - cut}
    return {"log": len(interactions.events), "events": events, "rows": rows, **seconds, "memory": peak_memory() - idle}


def measured(folder: Path, events: int) -> dict[str, float]:
    """`pipeline` in a process of its own, on a log that was just written."""
    write_log(folder, events)
    environment = os.environ | {"TFREC_CACHE": str(folder / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, "--measure", str(folder)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, cwd=HERE.parent)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measures, prints a table and writes the figures."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--events", type=int, default=10_000_000)
    arguments.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = arguments.parse_args()
    if arguments.measure:
        print(json.dumps(pipeline(arguments.measure)))
        return
    runs = {}
    for events in (arguments.events, 2 * arguments.events):
        with tempfile.TemporaryDirectory() as folder:
            runs[events] = measured(Path(folder), events)
    one, two = runs.values()
    for name in one:
        print(f"{name:>10} {one[name]:>16,.1f} {two[name]:>16,.1f}")
    total = one["read"] + one["cut"] + one["batches"]
    figures = {
        "events_per_second": (one["log"] / total, 500_000, "events/s, Parquet to batches"),
        "events_per_second_again": (
            one["log"] / (one["cut"] + one["batches"]),
            500_000,
            "events/s, log already taken in",
        ),
        "memory": (one["memory"], None, "bytes over the idle process"),
        "memory_of_twice_the_events": (two["memory"], None, "bytes over the idle process"),
    }
    lines = {name: figure(value, unit, asked) for name, (value, asked, unit) in figures.items()}
    report("input_pipeline", lines, events=one["log"])


if __name__ == "__main__":
    main()
