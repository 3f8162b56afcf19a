"""Synaptic intelligence."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.beside import Beside
from tfrec.strategies.strategy import Strategy


class Si(Strategy):
    """Adds `weight * sum_i Omega_i (w_i - w*_i)^2`, `w*` the weights after the last update (Zenke et al., ICML 2017).

    `Omega = sum over updates of max(omega, 0) / (Delta^2 + damping)`, where `omega = -sum over steps of g * (change of
    w)` is what a weight did for the loss, and Delta its change in the whole update. The gradient g is that which
    the optimizer gets, without the slope of this penalty: to go back to the anchor is no merit. Before the first
    update is over, Omega is 0. Every step costs a pass over all weights.

    Args:
        weight: c of the paper. damping: xi.

    Raises:
        InputError: a number is out of range.
    """

    anchored = True
    of_steps = True

    def __init__(self, weight: float = 0.1, damping: float = 0.1) -> None:
        require(weight >= 0 and damping > 0, f"strategy.si has weight={weight}, damping={damping}: 0 or more, above 0.")
        self.weight, self.damping = weight, damping
        self.parts = {name: Beside() for name in ("omega", "work", "anchor", "begin")}
        self._begun: tf.Variable | None = None

    def build(self, model) -> None:
        """Makes room for importance, work, anchor and beginning of all weights."""
        for part in self.parts.values():
            part.follow(model)
        self._begun = tf.Variable(False, trainable=False)

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: the weighted squares."""
        omega, anchor = (self.parts[name].variables for name in ("omega", "anchor"))
        parts = zip(model.trainable_variables, omega, anchor, strict=True)
        return self.weight * tf.add_n([tf.reduce_sum(o * tf.square(w - a)) for w, o, a in parts])

    def after_step(self, model, before: list, slopes: list) -> None:
        """In graph: adds what each weight did for the loss."""
        beside = [self.parts[name].variables for name in ("work", "begin", "omega", "anchor")]
        parts = zip(*beside, slopes, model.trainable_variables, before, strict=True)
        for work, begin, omega, anchor, slope, weight, old in parts:
            begin.assign(tf.where(self._begun, begin, old))  # of the update's first step
            if slope is not None:
                own = 2 * self.weight * omega * (old - anchor)
                slope = tf.convert_to_tensor(slope) - own  # not finite in a step that float16's scale leaves out
                work.assign_sub(tf.where(tf.math.is_finite(slope), slope, 0.0) * (weight - old))
        self._begun.assign(True)

    def consolidate(self, learner, update) -> None:
        """Turns the work of the update into importance, and moves the anchor."""
        variables = [part.variables for part in self.parts.values()]
        weights = learner.model.trainable_variables if variables[0] else []  # else no step was made
        for omega, work, anchor, begin, weight in zip(*variables, weights, strict=True):
            omega.assign_add(tf.maximum(work, 0.0) / (tf.square(weight - begin) + self.damping))
            work.assign(tf.zeros_like(work))
            anchor.assign(weight)
        if self._begun is not None:
            self._begun.assign(False)

    def state(self) -> dict:
        """Importance and anchor, by variable; work is 0 between updates."""
        return {f"{part}/{name}": v for part in ("omega", "anchor") for name, v in self.parts[part].values().items()}

    def restore(self, state: dict) -> None:
        """Takes them back."""
        for part in ("omega", "anchor"):
            kept = {key.removeprefix(f"{part}/"): v for key, v in state.items() if key.startswith(f"{part}/")}
            self.parts[part].restore(kept)
