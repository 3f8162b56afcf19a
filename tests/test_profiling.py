"""A trace of steady-state steps."""

import pytest
import tf_keras

from tests.small_runs import TINY, python, write_data
from tests.test_learner import grown, make_batch, make_model
from tfrec.learner import Learner
from tfrec.profiling import Profile
from tfrec.runtime import Runtime


def traces(folder):
    return list(folder.glob("plugins/profile/*/*.xplane.pb"))


def test_the_trace_has_the_steps_after_the_first_calls(tmp_path):
    """Calls 1 and 2 are for warming up; 3 to 5 have the three steps that are asked for."""
    model, profile = make_model(), Profile(tmp_path, 3)
    history = grown(model)
    learner = Learner(model, tf_keras.optimizers.SGD(0.1), profile=profile)
    for seed in range(8):
        learner.step(make_batch(model, history, seed=seed))
        assert len(traces(tmp_path)) == (seed >= 4)
    profile.close()
    (trace,) = traces(tmp_path)
    assert b"learn" in trace.read_bytes()


def test_a_run_that_ends_early_leaves_the_trace_of_what_there_was(tmp_path):
    model = make_model()
    history = grown(model)
    with Runtime(profile_steps=100).profile(tmp_path) as profile:
        learner = Learner(model, tf_keras.optimizers.SGD(0.1), profile=profile)
        for seed in range(4):
            learner.step(make_batch(model, history, seed=seed))
    assert len(traces(tmp_path)) == 1


def test_a_call_that_fails_leaves_no_profiler_behind(tmp_path):
    for folder in (tmp_path / "failed", tmp_path / "next"):
        with pytest.raises(RuntimeError), Runtime(profile_steps=1).profile(folder) as profile:
            for number in range(3):
                with profile(number, 1):
                    if number == 2:
                        raise RuntimeError
        assert len(traces(folder)) == 1


def test_too_few_steps_for_a_trace_are_told(tmp_path, caplog):
    with Runtime(profile_steps=100).profile(tmp_path):
        pass
    assert not traces(tmp_path) and "no trace" in caplog.text


def test_a_run_with_debug_profile_leaves_a_trace_for_tensorboard(tmp_path):
    write_data(tmp_path / "data")
    options = [*TINY, "loop.batch_size=64", "data.folder=data", "hydra.run.dir=run", "+debug=[tiny,profile]"]
    options.remove("+debug=tiny")
    done = python(["-m", "tfrec.run", *options, "runtime.profile_steps=5"], tmp_path, tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert len(traces(tmp_path / "run")) == 1
