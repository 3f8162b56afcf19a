"""A trace of steady-state steps."""

import numpy as np
import tf_keras

from tests.small_runs import TINY, python, write_data
from tests.test_learner import grown, make_batch, make_model
from tfrec.learner import Learner
from tfrec.profiling import Profile


def traces(folder):
    return list(folder.glob("plugins/profile/*/*.xplane.pb"))


def test_the_first_calls_are_not_in_the_trace(tmp_path):
    model = make_model()
    history = grown(model)
    learner = Learner(model, tf_keras.optimizers.SGD(0.1), profile=Profile(tmp_path, 3))
    for seed in range(8):
        learner.step(make_batch(model, history, seed=seed))
    (trace,) = traces(tmp_path)
    written = trace.read_bytes()
    assert b"learn" in written
    # Calls 1 and 2 are for warming up, 3 to 5 are traced; each carries its number in its name.
    assert np.array([f"learn#step_num={n}".encode() in written or False for n in range(1, 9)]).sum() in (0, 3)


def test_a_run_with_debug_profile_leaves_a_trace_for_tensorboard(tmp_path):
    write_data(tmp_path / "data")
    options = [*TINY, "loop.batch_size=64", "data.folder=data", "hydra.run.dir=run", "+debug=[tiny,profile]"]
    options.remove("+debug=tiny")
    done = python(["-m", "tfrec.run", *options, "runtime.profile_steps=5"], tmp_path, tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert len(traces(tmp_path / "run")) == 1
