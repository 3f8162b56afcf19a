"""How often the step is traced and compiled over a stream of 26 periods, and that XLA changes no number."""

import subprocess
import sys

import numpy as np
import pytest

from tests.small_runs import ROOT

# In a process of its own, because XLA reads its flags once. Items appear all along, so that tables grow in between.
CODE = """
import sys
import tfrec
import numpy as np
import tf_keras
from pathlib import Path
from tests.loops.test_incremental import run
from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.learner import Learner
from tfrec.loops.state import StreamState

folder, jit_compile = Path(sys.argv[1]), sys.argv[2] == "xla"
stream = Stream(make_interactions(users=600, items=1900, days=7 * 30 + 1, per_day=60))
model = make_model(dropout=0.1)
learner = Learner(model, tf_keras.optimizers.Adagrad(0.3), jit_compile=jit_compile)
state, _ = run(folder, stream, StreamState(stream, model, learner, {}), base=4, base_epochs=2)
found = {f"weights{n}": variable.numpy() for n, variable in enumerate(model.trainable_variables)}
capacities = [model.item_table.capacity, model.user_table.capacity]
np.savez(folder / "found.npz", traces=learner.traces, compilations=learner.compilations, capacities=capacities, **found)
"""


def finished(folder, mode):
    folder.mkdir()
    flags = f"--xla_dump_to={folder / 'dump'} --xla_dump_hlo_as_text"
    environment = {"PYTHONPATH": str(ROOT), "XLA_FLAGS": flags, "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": ""}
    command = [sys.executable, "-c", CODE, str(folder), mode]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    # One file a module before XLA's passes; the step is the method `update`.
    modules = [path for path in folder.glob("dump/*before_optimizations.txt") if "_update_" in path.name]
    return dict(np.load(folder / "found.npz")), len(modules), len((folder / "stream.csv").read_text().splitlines()) - 1


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compiled")
    return {mode: finished(folder / mode, mode) for mode in ("plain", "xla")}


def test_one_trace_a_capacity_over_26_periods(runs):
    for found, _, periods in runs.values():
        assert periods == 26
        # 1,024 rows to begin with; 1,900 items need 2,048, which costs one trace
        assert found["capacities"].tolist() == [2048, 1024] and found["traces"] == 2


def test_one_compilation_a_shape_and_capacity(runs):
    found, modules, _ = runs["xla"]
    assert modules == found["compilations"] > 0
    # All batches have 64 rows, and their different items rarely fill another eighth of that.
    assert modules <= 2 * 3
    assert runs["plain"][0]["compilations"] == runs["plain"][1] == 0


def test_xla_gives_the_same_numbers(runs):
    plain, compiled = runs["plain"][0], runs["xla"][0]
    for name in plain:
        if name.startswith("weights"):
            np.testing.assert_allclose(compiled[name], plain[name], rtol=1e-4, atol=1e-4, err_msg=name)
