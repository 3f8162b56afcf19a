"""What starting costs: imports, and a second run of the same experiment.

    python benchmarks/start.py                     # writes benchmarks/results/start.json

Each command is a process of its own, in turns. `import tfrec` loads nothing heavy; what it adds is measured before
TensorFlow's own import. The small run is `+experiment=quickstart +debug=tiny` with an empty cache and again with what
the first one left there.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from figures import figure, in_turns, median, report

HERE = Path(__file__).resolve().parent
IMPORTS = {
    "import tensorflow": "import tensorflow",
    "import tfrec, tensorflow": "import tfrec, tensorflow",
    "import tfrec": "import tfrec",
    "import tfrec.experiment": "import tfrec.experiment",
}


def process(arguments: list[str], **environment: str) -> None:
    """One process from start to end."""
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1", "KERAS_BACKEND": "tensorflow"}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([sys.executable, *arguments], cwd=HERE.parent, env=quiet | environment, check=True, **streams)


def small_run(cache: str, folder: str) -> None:
    """The smallest run of the quickstart."""
    process(["-m", "tfrec.run", "+experiment=quickstart", "+debug=tiny", f"hydra.run.dir={folder}"], TFREC_CACHE=cache)


def main() -> None:
    """Measures, prints a table and writes the figures."""
    seconds = in_turns({name: lambda code=code: process(["-c", code]) for name, code in IMPORTS.items()}, 5)
    figures = {name: median(each, "s") for name, each in seconds.items()}
    pairs = zip(seconds["import tensorflow"], seconds["import tfrec, tensorflow"], strict=True)
    figures["import tfrec adds"] = median([b - a for a, b in pairs], "s", 1)
    with tempfile.TemporaryDirectory() as folder:
        known = tempfile.mkdtemp(dir=folder)
        runs = {
            "small run, empty cache": lambda: small_run(tempfile.mkdtemp(dir=folder), folder),
            "small run, again": lambda: small_run(known, folder),
        }
        figures |= {name: median(each, "s") for name, each in in_turns(runs, 2).items()}
    figures["small run, again/empty cache"] = figure(
        figures["small run, again"]["value"] / figures["small run, empty cache"]["value"], "times as long"
    )
    report("start", figures)


if __name__ == "__main__":
    main()
