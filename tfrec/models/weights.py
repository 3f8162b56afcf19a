"""A model's weights as they were at some moment."""

from contextlib import contextmanager

import numpy as np
import tensorflow as tf


class Weights:
    """A copy of a model's `merged` and trainable variables; rows of tables and variables that came later were never
    learned: 0.

    Args:
        model: has the model that learns as `tfrs_model`.
        values: the copies; None takes the weights as they are now.
    """

    def __init__(self, model, values: list[np.ndarray] | None = None) -> None:
        self.model = model
        self.values = [variable.numpy() for variable in self._variables()] if values is None else values

    @contextmanager
    def applied(self):
        """The model has these weights inside the block, and its own ones after it."""
        live = Weights(self.model)
        self.assign()
        try:
            yield
        finally:
            live.assign()

    def assign(self) -> None:
        """Gives the model these weights."""
        variables = self._variables()
        for variable in variables[len(self.values) :]:  # made when the stream first had a query, or a context
            variable.assign(tf.zeros_like(variable))
        for variable, value in zip(variables[: len(self.values)], self.values, strict=True):
            if variable.shape != value.shape:  # a table that has grown since: its new rows were never learned
                missing = variable.shape[0] - value.shape[0]
                value = np.pad(value, [(0, missing)] + [(0, 0)] * (value.ndim - 1))
            variable.assign(value)

    def _variables(self) -> list[tf.Variable]:
        trained = getattr(self.model, "tfrs_model", self.model).trainable_variables  # to which later ones are added
        return [*getattr(self.model, "merged", ()), *trained]
