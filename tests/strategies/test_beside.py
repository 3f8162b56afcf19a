from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from tfrec.strategies.beside import Beside


def model_of(*variables):
    return SimpleNamespace(trainable_variables=[*variables])


def test_variables_follow_by_name_and_what_is_new_starts_at_0():
    table, bias = tf.Variable(tf.ones((2, 3)), name="table"), tf.Variable([1.0, 1.0], name="bias")
    beside = Beside()
    beside.follow(model_of(table, bias))
    assert all(not variable.numpy().any() and not variable.trainable for variable in beside.variables)
    beside.variables[0].assign([[1, 2, 3], [4, 5, 6]])
    beside.variables[1].assign([7, 8])
    larger, other = tf.Variable(tf.ones((3, 3)), name="table"), tf.Variable([1.0], name="other")
    beside.follow(model_of(other, larger, bias))
    found = [variable.numpy().tolist() for variable in beside.variables]
    assert found == [[0], [[1, 2, 3], [4, 5, 6], [0, 0, 0]], [7, 8]]


def test_equal_names_are_told_apart_by_their_order():
    one, two = tf.Variable([1.0], name="w"), tf.Variable([1.0, 1.0], name="w")
    beside = Beside()
    beside.follow(model_of(one, two))
    beside.variables[1].assign([3, 4])
    beside.follow(model_of(one, two))
    assert [variable.numpy().tolist() for variable in beside.variables] == [[0], [3, 4]]
    assert list(beside.values()) == ["w:0", "w:0#2"]


def test_restored_values_are_those_of_the_next_trace_and_of_a_checkpoint_before_it():
    model = model_of(tf.Variable([1.0, 1.0], name="w"))
    beside, copy = Beside(), Beside()
    beside.follow(model)
    beside.variables[0].assign([3, 4])
    copy.restore({key: np.array(value) for key, value in beside.values().items()})
    assert {key: value.tolist() for key, value in copy.values().items()} == {"w:0": [3, 4]}
    copy.follow(model)
    assert copy.variables[0].numpy().tolist() == [3, 4]
