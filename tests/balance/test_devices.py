"""Given weights on several devices are those of one; what goes by a whole batch is refused there."""

import subprocess
import sys

import pytest

from tests.small_runs import ROOT

# In a process of its own, because logical devices are made once.
CODE = """
import tfrec
import numpy as np
import tensorflow as tf
from tests.balance.test_contract import BALANCES, make, weights_of
from tests.balance.two_tasks import go_on, make_state
from tfrec.balance.sum import Sum
from tfrec.errors import InputError

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
found, mirrored = [], tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for strategy in (tf.distribute.get_strategy(), mirrored):
    with strategy.scope():
        state = make_state(Sum({"apart": 0.5}), tf.keras.optimizers.SGD(0.05))
        go_on(state, range(3))
    found.append(weights_of(state))
for one, two in zip(*found, strict=True):
    np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-4)
for name in BALANCES:
    with mirrored.scope():
        try:
            make_state(Sum(watch=True) if name == "sum" else make(name))
        except InputError as error:
            assert "each device has those of its share: choose balance=sum" in str(error)
        else:
            raise AssertionError(f"{name} was not refused")
"""


@pytest.mark.slow
def test_two_devices_weigh_as_one_does():
    environment = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
