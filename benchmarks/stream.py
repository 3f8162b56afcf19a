"""What a stream of weekly updates costs: seconds an update, and memory that stays.

    pip install '.[quickstart]'
    python benchmarks/stream.py                    # writes benchmarks/results/stream.json

`+experiment=quickstart` without its baselines (they only score), in a process of its own: a year of Complete Journey,
26 weeks scored and learned one by one, texts from the cache. What is read is what the run itself logs to TensorBoard:
an update's seconds (revealing the week and learning it; scoring is not in it), resident memory at the end of each
week, and the share of the update's time that it waited for batches.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import Figures, figure, median, report

HERE = Path(__file__).resolve().parent
TAGS = ("cost/update_seconds", "cost/memory_bytes", "cost/input_wait_share", "cost/score_seconds", "cost/traces")


def run(folder: Path, overrides: list[str]) -> None:
    """The experiment, in a process of its own."""
    command = [sys.executable, "-m", "tfrec.run", "+experiment=quickstart", "baseline=none", f"hydra.run.dir={folder}"]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([*command, *overrides], cwd=HERE.parent, env=environment, check=True, stdout=subprocess.DEVNULL)


def logged(folder: Path) -> dict[str, list[float]]:
    """Values of each tag, period by period, as TensorBoard has them."""
    import tfrec  # noqa: F401, I001  before TensorFlow, which TensorBoard imports

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    return {tag: [float(make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)] for tag in TAGS}


def main() -> None:
    """Measures, prints a table and writes the figures."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("overrides", nargs="*", help="of the experiment, such as runtime=gpu")
    overrides = arguments.parse_args().overrides
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), overrides)
        values = logged(Path(folder))
        results = json.loads((Path(folder) / "results.json").read_text())
    memory = values["cost/memory_bytes"]
    figures: Figures = {
        "weekly update": median(values["cost/update_seconds"], "s"),
        "weekly update, slowest": figure(max(values["cost/update_seconds"]), "s", 5),
        "weekly scoring": median(values["cost/score_seconds"], "s"),
        "waiting for batches": median(values["cost/input_wait_share"], "share of an update"),
        "memory after week 5": figure(memory[4] / 1e9, "GB resident"),
        "memory after week 26": figure(memory[25] / 1e9, "GB resident"),
        "memory after week 26/week 5": figure(memory[25] / memory[4], "times", 1.1),
        "traces of the step": figure(values["cost/traces"][-1], "in the whole run"),
        "whole run": figure(results["seconds"], "s"),
    }
    report("stream", figures, overrides=overrides, memory_gb=[round(value / 1e9, 3) for value in memory])


if __name__ == "__main__":
    main()
