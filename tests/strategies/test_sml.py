"""SML's network by numpy, row by row, and from where an update learns."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.strategies.test_transfer import started, update_of
from tfrec.errors import InputError
from tfrec.strategies.sml import Sml


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def by_columns(w, v, values):
    """The formula of the class for one row."""
    a1, bias1, a2, bias2, b1, bias3, b2, bias4 = values
    flat = []
    for column in range(len(w)):
        h = np.array([w[column], v[column], w[column] * v[column] / np.sqrt((w**2).sum()) if w.any() else 0])
        flat += gelu(gelu(h @ a1 + bias1) @ a2 + bias2).tolist()
    return v + gelu(np.array(flat) @ b1 + bias3) @ b2 + bias4


def test_the_network_is_the_formula():
    rng = np.random.default_rng(0)
    strategy = Sml(filters=4, hidden=5)
    values = [rng.normal(size=v.shape).astype(np.float32) for v in strategy.first_weights(rng, 3)]
    assert [v.shape for v in values] == [(3, 4), (4,), (4, 2), (2,), (6, 5), (5,), (5, 3), (3,)]
    w, v = rng.normal(size=(2, 7, 3)).astype(np.float32)
    w[2] = 0  # a user's row as it starts
    found = strategy.rows(values, tf.constant(np.stack([w, v], axis=2)))
    expected = [by_columns(one, other, values) for one, other in zip(w, v, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_it_starts_as_the_newest_weights():
    strategy = Sml()
    w, v = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    np.testing.assert_array_equal(strategy.networks(0, [w, v]), v)


def test_an_update_begins_where_the_newest_network_says_and_its_pair_is_its_beginning_and_its_end():
    strategy, learner = started(Sml)
    w, v = strategy._inputs[-2][0].copy(), strategy._inputs[-1][0].copy()
    strategy.prepare(learner, update_of([0, 1, 2]))
    begun = learner.model.table.numpy()
    np.testing.assert_array_equal(begun, strategy.networks(0, [w, v]))  # of now: it has learned on the update
    learner.model.table.assign_add(np.full((6, 2), 0.5))
    end = learner.model.table.numpy()
    strategy.consolidate(learner, None)
    for found, expected in zip(strategy._inputs, [begun, end], strict=True):
        np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(learner.model.table.numpy(), strategy.networks(0, [begun, end]))


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"steps": 0}, "strategy.sml has steps=0, batch=1024: choose 1 and 2 or more"),
        ({"batch": 1}, "strategy.sml has steps=20, batch=1: choose 1 and 2 or more"),
        ({"learning_rate": 0.0}, "strategy.sml.learning_rate is 0.0: choose above 0"),
        ({"filters": 1}, "strategy.sml has filters=1, hidden=64: choose 2 and 1 or more"),
    ],
)
def test_numbers_out_of_range_are_a_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Sml(**options)


def test_several_devices_are_a_sentence(monkeypatch):
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: SimpleNamespace(num_replicas_in_sync=2))
    with pytest.raises(InputError, match="strategy=sml makes weights on one device.*choose runtime=cpu or gpu"):
        Sml()
