"""What every balance in conf/balance must keep to."""

import numpy as np
import pytest
import tensorflow as tf
import yaml

from tests.balance.two_tasks import go_on, make_state
from tests.toy import TRACKER
from tfrec.build import build
from tfrec.checkpoint import Checkpoints
from tfrec.folders import conf_folder

BALANCES = sorted(path.stem for path in (conf_folder() / "balance").glob("*.yaml"))


def make(name):
    return build(yaml.safe_load((conf_folder() / f"balance/{name}.yaml").read_text()), "balance", seed=0)


def weights_of(state):
    return [variable.numpy() for variable in state.model.variables]


@pytest.mark.parametrize("name", BALANCES)
def test_a_killed_and_resumed_run_is_the_whole_run_and_is_traced_as_often_as_the_sum(name, tmp_path):
    whole, costs = make_state(make(name)), {}
    for t in range(4):
        costs = go_on(whole, [t])
        if t == 1:
            Checkpoints(tmp_path).save(t, whole, TRACKER)
    second = make_state(make(name))
    for t in range(2):
        second.observe(t)
    Checkpoints(tmp_path).restore(1, second, TRACKER)
    go_on(second, [2, 3])
    for one, other in zip(weights_of(whole), weights_of(second), strict=True):
        np.testing.assert_array_equal(one, other)
    for key, value in whole.learner.balance.state().items():
        np.testing.assert_array_equal(value, second.learner.balance.state()[key])
    assert whole.learner.traces <= 2
    assert np.isfinite([costs["train/retrieval"], costs["train/apart"], costs["train/loss"]]).all()
    if name != "sum":
        assert costs["balance/weight/retrieval"] >= 0 and costs["balance/weight/apart"] >= 0
    assert ("balance/cosine/retrieval-apart" in costs) == whole.learner.balance.needs_gradients


@pytest.mark.parametrize("name", BALANCES)
def test_xla_gives_the_same_numbers(name):
    plain, compiled = (make_state(make(name), jit_compile=jit_compile) for jit_compile in (False, True))
    for state in (plain, compiled):
        go_on(state, range(2))
    for one, other in zip(weights_of(plain), weights_of(compiled), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", BALANCES)
def test_another_start_begins_anew(name):
    state = make_state(make(name))
    go_on(state, range(2))
    balance = state.learner.balance
    resumed = make(name)  # restored, and begun anew before anything is traced
    resumed.restore(balance.state())
    resumed.start_anew()
    resumed.build(["retrieval", "apart"])
    balance.start_anew()
    for key, value in balance.start(2).items():
        np.testing.assert_array_equal(balance.variables[key], value)
        np.testing.assert_array_equal(resumed.variables[key], value)


@pytest.mark.parametrize("name", BALANCES)
def test_numbers_that_are_not_finite_leave_no_trace(name):
    balance = make(name)
    balance.build(["one", "other"])
    products = tf.constant([[1.0, np.nan], [np.nan, 1.0]]) if balance.needs_gradients else None
    balance.weights(tf.constant([np.inf, 1.0]), products)
    assert all(np.isfinite(value).all() for value in balance.state().values())
