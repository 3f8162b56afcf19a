"""The optimizer's state of variables that grow, and of rows that go from one id to another."""

import weakref

import numpy as np
import tensorflow as tf

from tfrec.layers.growing import copy_rows


def inner(optimizer):
    """The optimizer that moves the variables: without the scaling of the loss, if there is one."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def carried_over(optimizer, variables: list):
    """An optimizer like this one for variables of which some were replaced by larger ones, with its state.

    A slot of a grown table keeps its rows and starts the new ones as the optimizer starts any row.
    """
    later = _fresh(optimizer)
    later.build(variables)
    for before, after in zip(inner(optimizer).variables, inner(later).variables, strict=True):
        if before.shape == after.shape:
            after.assign(before)
        else:
            copy_rows(before, after)
    return later


def start_all(optimizer, variables: list) -> None:
    """Starts the whole state of these variables anew, the number of steps too."""
    fresh = _fresh(optimizer)
    fresh.build(variables)
    for slot, start in zip(inner(optimizer).variables, inner(fresh).variables, strict=True):
        slot.assign(start)


def remembers(optimizer) -> bool:
    """Whether a step depends on gradients of before: always, but for SGD, whose slots without momentum stay empty."""
    return not isinstance(inner(optimizer), tf.keras.optimizers.SGD) or inner(optimizer).momentum > 0


def decay_slots(optimizer, variables: list, keep: float) -> None:
    """Moves each slot of these variables to its start, but for a share `keep` of the way; the number of steps stays."""
    fresh = _fresh(optimizer)
    fresh.build(variables)
    for slot, start in zip(inner(optimizer).variables[1:], inner(fresh).variables[1:], strict=True):
        slot.assign(start + keep * (slot - start))


def start_slots(optimizer, variable: tf.Variable, rows: np.ndarray) -> None:
    """Starts the state of table rows anew."""
    name, started = variable.name.partition(":")[0], inner(_fresh(optimizer))
    started.build([tf.Variable(tf.gather(variable, rows), name=name)])  # slots of these rows alone
    slots = [slot for slot in inner(optimizer).variables if _is_slot(slot, variable, name)]
    for slot, start in zip(slots, started.variables[1:], strict=True):
        slot.scatter_update(tf.IndexedSlices(tf.convert_to_tensor(start), tf.cast(rows, tf.int32)))


class Same:
    """Whether variables are still those of before, without holding them.

    An address does not tell, as a new one may get that of an old one.
    """

    def __init__(self, variables: list) -> None:
        self._references = [weakref.ref(variable) for variable in variables]

    def __call__(self, variables: list) -> bool:
        """Whether these are they, one by one."""
        known = [reference() for reference in self._references]
        return len(known) == len(variables) and all(a is b for a, b in zip(known, variables, strict=True))


def _is_slot(slot: tf.Variable, variable: tf.Variable, name: str) -> bool:
    return slot.shape == variable.shape and slot.name.partition("/")[2].partition(":")[0] == name


def _fresh(optimizer):
    """An optimizer like this one, with no variables of a model yet; a scale of the loss stays as it is."""
    moving = inner(optimizer)
    moving = type(moving).from_config(moving.get_config())
    if inner(optimizer) is optimizer:
        return moving
    scaled = tf.keras.mixed_precision.LossScaleOptimizer(
        moving, initial_scale=float(optimizer.loss_scale), dynamic_growth_steps=optimizer.dynamic_growth_steps
    )
    scaled.dynamic_counter.assign(optimizer.dynamic_counter)
    return scaled
