"""A run that is killed and resumed leaves what an uninterrupted run leaves, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ["+experiment=quickstart", "+debug=tiny", "loop.last=6", "model.dropout=0.2", "strategy=replay"]


def start(folder, *options):
    command = [sys.executable, "-m", "tfrec.run", *OPTIONS, *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run_folder(folder):
    (run,) = (folder / "runs/debug/quickstart").iterdir()
    return run


def weights(run):
    newest = sorted((run / "checkpoints").glob("period-*"))[-1]
    reader = tf.train.load_checkpoint(str(newest / "variables"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def kill_when(process, folder, reached):
    """Kills the process as soon as `reached(checkpoint names)` holds."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        names = {path.name for path in folder.glob("runs/debug/quickstart/*/checkpoints/*")}
        if reached(names):
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.001)
    raise AssertionError("the run did not get so far in two minutes")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    process = start(folder)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    return run_folder(folder)


@pytest.mark.parametrize(
    "moment, reached",
    [
        # A period's checkpoint has its final name from one instant on: before it, the period is under way.
        pytest.param("inside the first period", lambda names: "period-0002" in names, marks=pytest.mark.slow),
        ("while a checkpoint is written", lambda names: "draft-0004" in names),
        pytest.param("inside a later period", lambda names: "period-0004" in names, marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed(whole, tmp_path, moment, reached):
    kill_when(start(tmp_path), tmp_path, reached)
    killed = run_folder(tmp_path)
    assert json.loads((killed / "results.json").read_text())["status"] == "running"
    process = start(tmp_path, "resume=auto")
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert "resumed after period" in output
    assert run_folder(tmp_path) == killed
    assert (killed / "stream.csv").read_bytes() == (whole / "stream.csv").read_bytes()
    resumed, uninterrupted = weights(killed), weights(whole)
    assert resumed.keys() == uninterrupted.keys()
    for name, value in uninterrupted.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
    results = [json.loads((run / "results.json").read_text()) for run in (killed, whole)]
    scores = [{tag: v for tag, v in r["metrics"].items() if not tag.startswith("cost/")} for r in results]
    assert scores[0] == scores[1] and results[0]["status"] == "finished"
