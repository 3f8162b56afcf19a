"""Starting a model anew."""

import numpy as np


class FirstWeights:
    """What a model's trainable variables and its `statistics` were before anything was learned.

    Rows that a table gets later count as the table made them.

    Args:
        model: the one that learns.
    """

    def __init__(self, model) -> None:
        self.model = model
        self.values: list[np.ndarray] = []

    def observe(self) -> None:
        """Takes what is new of the model: variables at the end of its list, rows at the end of its tables."""
        for place, variable in enumerate(self._variables()):
            if place == len(self.values):
                self.values.append(variable.numpy())
            elif (known := self.values[place]).shape != variable.shape:
                value = variable.numpy()
                value[tuple(slice(0, size) for size in known.shape)] = known
                self.values[place] = value

    def assign(self) -> None:
        """Gives the model these weights."""
        for variable, value in zip(self._variables(), self.values, strict=True):
            variable.assign(value)

    def _variables(self) -> list:
        return [*getattr(self.model, "statistics", ()), *self.model.trainable_variables]
