"""Several devices and several processes learn what one device does; what they cannot do is a sentence."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.small_runs import ROOT, TINY, python, write_data
from tests.test_learner import grown, make_batch, make_model
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.runtime import Runtime
from tfrec.strategies.strategy import Strategy

# Replay makes batches larger, dropout draws a mask, tables grow in between.
OPTIONS = [*TINY, "loop.batch_size=64", "model.dropout=0.2", "strategy=replay", "loop.last=null", "data.folder=data"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    write_data(folder / "data")
    return folder


def weights(run):
    newest = sorted((run / "checkpoints").glob("period-*"))[-1]
    reader = tf.train.load_checkpoint(str(newest / "variables"))
    found = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {name: value for name, value in found.items() if "VARIABLE_VALUE" in name}


def finished(folder, name, *options):
    done = python(["-m", "tfrec.run", *OPTIONS, f"hydra.run.dir={name}", *options], folder, folder / "cache")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / name


@pytest.fixture(scope="module")
def one(place):
    return finished(place, "one")


def start_workers(folder, *options):
    """Two processes on the loopback interface."""
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    workers = [f"127.0.0.1:{port}" for port in ports]
    processes = []
    for index in range(2):
        cluster = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TFREC_CACHE": str(folder / "cache")}
        env |= {"TF_CONFIG": json.dumps(cluster), "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "tfrec.run", *OPTIONS, "runtime=multi_worker", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        processes.append(subprocess.Popen(command, cwd=folder, env=env, **pipes))
    return processes


def run_folder(folder):
    (run,) = folder.glob("runs/debug/quickstart/*")
    return run


def assert_same_run(run, other, **tolerances):
    mine, theirs = weights(run), weights(other)
    assert mine.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_allclose(mine[name], value, err_msg=name, **tolerances)
    rows = [np.genfromtxt(path / "stream.csv", delimiter=",", names=True) for path in (run, other)]
    assert rows[0].dtype.names == rows[1].dtype.names and len(rows[0]) == len(rows[1]) > 1
    for name in ("trainloss", "evalallndcg10"):
        np.testing.assert_allclose(rows[0][name], rows[1][name], rtol=1e-4)


MIRRORED = ["runtime=mirrored", "runtime.device=cpu", "runtime.replicas=2"]


def test_two_logical_devices_learn_what_one_does(place, one):
    assert_same_run(finished(place, "two", *MIRRORED), one, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_logical_devices_leave_out_the_same_ids(place):
    """Which ids are left out is a matter of the item, wherever its row is computed."""
    options = ["model/fusion=gated", "model.id_dropout=0.3", "loop.last=4"]
    alone = finished(place, "gated", *options)
    assert_same_run(finished(place, "gated_two", *options, *MIRRORED), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_logical_devices_learn_in_bfloat16(place, one):
    two = finished(place, "low", *MIRRORED, "precision=mixed_bfloat16", "loop.last=4")
    losses = [np.genfromtxt(path / "stream.csv", delimiter=",", names=True)["trainloss"] for path in (two, one)]
    np.testing.assert_allclose(losses[0], losses[1][:2], rtol=2e-2)  # bfloat16 keeps 8 bits


@pytest.mark.slow
def test_two_processes_learn_what_one_does_and_go_on_after_one_of_them_died(place, one, tmp_path):
    (tmp_path / "data").symlink_to(place / "data")
    chief, worker = start_workers(tmp_path)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/debug/quickstart/*/checkpoints/period-0003")) and time.monotonic() < deadline:
        assert chief.poll() is None, chief.communicate()[0]
        time.sleep(0.01)
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    told = chief.communicate(timeout=120)[0]
    assert chief.returncode != 0
    assert "error: Another worker of this run is gone or out of reach: start all of them again with resume=auto" in told
    assert json.loads((run_folder(tmp_path) / "results.json").read_text())["status"] == "failed"

    again = start_workers(tmp_path, "resume=auto")
    told = [process.communicate(timeout=180)[0] for process in again]
    assert [process.returncode for process in again] == [0, 0], "\n".join(told)
    assert all("resumed after period" in each for each in told)
    run = run_folder(tmp_path)
    assert json.loads((run / "results.json").read_text())["status"] == "finished"
    assert_same_run(run, one, rtol=1e-4, atol=1e-5)


def test_batches_must_divide_by_the_replicas():
    model = make_model()
    batch = make_batch(model, grown(model), rows=16)
    learner = Learner(model, tf.keras.optimizers.SGD(0.1))
    learner._replicas = 3
    with pytest.raises(InputError, match="A batch has 16 rows, which 3 replicas cannot share evenly"):
        learner.step(batch)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"device": "gpu"}, "device=gpu was chosen, but TensorFlow sees no GPU: use runtime=cpu"),
        ({"device": "tpu"}, "runtime=tpu was chosen, but TensorFlow finds no TPU: use runtime=cpu or runtime=gpu"),
        ({"device": "gpu", "distribution": "mirrored"}, "with all GPUs, and TensorFlow sees 0: .* runtime.replicas=2"),
        ({"replicas": 2}, "runtime.replicas is 2, of one device: choose runtime=mirrored"),
        ({"distribution": "mirrored"}, "runtime=mirrored on a processor has replicas=None: choose 2 or more"),
        ({"distribution": "mirrored", "replicas": 1}, "replicas=1: choose 2 or more"),
        ({"distribution": "mirrored", "replicas": 7}, "an earlier run of this process has started TensorFlow"),
        ({"distribution": "mirrored", "device": "tpu"}, "device=tpu: choose gpu or cpu"),
        ({"distribution": "multi_worker"}, "needs the environment variable TF_CONFIG with two or more workers"),
        ({"distribution": "multi_worker", "replicas": 2}, "with runtime=multi_worker TF_CONFIG says how many"),
    ],
)
def test_devices_that_are_not_there(monkeypatch, options, sentence):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    tf.constant(0)  # TensorFlow has started
    with pytest.raises(InputError, match=sentence):
        Runtime(**options).start(0)


@pytest.mark.parametrize(
    "cluster, task",
    [
        ([], {}),
        ({"worker": 7}, 3),
        ({"worker": ["a:1"]}, {"type": "worker", "index": 0}),
        ({"worker": ["a:1", "b:1"]}, None),
        ({"worker": ["a:1", "b:1"]}, {"type": "worker", "index": 2}),
        ({"chief": ["a:1"], "worker": ["b:1", "c:1"]}, {"type": "worker", "index": 0}),
        ({"worker": ["a:1", "b:1"]}, {"type": "evaluator", "index": 0}),
    ],
)
def test_a_cluster_that_is_not_of_workers_is_a_sentence(monkeypatch, tmp_path, cluster, task):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    with pytest.raises(InputError, match="needs the environment variable TF_CONFIG with two or more workers"):
        with Runtime(distribution="multi_worker").own_folder(tmp_path):
            pass


def test_a_cluster_that_is_no_json_is_a_sentence(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(InputError, match="TF_CONFIG with two or more workers.* and it is {:"):
        Runtime(distribution="multi_worker").start(0)


def test_the_first_worker_alone_writes_the_folder(monkeypatch, tmp_path):
    for index in (0, 1):
        task = {"type": "worker", "index": index}
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b:1"]}, "task": task}))
        with Runtime(distribution="multi_worker").own_folder(tmp_path) as own:
            assert (own == tmp_path) == (index == 0)


def test_a_strategy_that_acts_on_gradients_is_refused_on_several_devices(monkeypatch):
    class Clipped(Strategy):
        def gradients(self, tape_fn, batch):
            return tape_fn(batch)

    devices = type("Two", (), {"num_replicas_in_sync": 2})()
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: devices)
    with pytest.raises(InputError, match="The strategy Clipped acts on gradients or after the step"):
        Learner(make_model(), tf.keras.optimizers.SGD(0.1), [Clipped()])


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"device": "npu"}, "runtime.device is 'npu': choose cpu, gpu or tpu"),
        ({"distribution": "ring"}, "runtime.distribution is 'ring': choose none, mirrored, multi_worker"),
        ({"distribution": "mirrored", "jit_compile": True}, "was never run with distribution=mirrored"),
        ({"profile_steps": -1}, "runtime.profile_steps is -1"),
    ],
)
def test_what_cannot_be_chosen(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Runtime(**options)
