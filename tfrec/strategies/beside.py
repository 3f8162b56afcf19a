"""Variables beside a model's own, which follow them as they grow."""

from collections import Counter

import numpy as np
import tensorflow as tf


class Beside:
    """For each trainable variable of a model one of its shape, not trained; what is new of a model starts at 0.

    Variables are known by name, so a table that grows keeps what it had for its rows, and one that comes later is
    new. A row that goes from one id to another (`model.item_rows.expiry`) keeps its value here.
    """

    def __init__(self) -> None:
        self.variables: list[tf.Variable] = []
        self._names: list[str] = []
        self._restored: dict[str, np.ndarray] = {}

    def follow(self, model) -> None:
        """Makes variables for those of the model as they are now, in their order; call it before each trace."""
        known, self._restored = self.values(), {}
        weights = model.trainable_variables
        self._names = _unique([weight.name for weight in weights])
        self.variables = []
        for name, weight in zip(self._names, weights, strict=True):
            value = known.get(name, np.zeros(weight.shape, np.float32))
            missing = [(0, new - old) for new, old in zip(weight.shape, value.shape, strict=True)]
            self.variables.append(tf.Variable(np.pad(value, missing), trainable=False, dtype=weight.dtype))

    def values(self) -> dict[str, np.ndarray]:
        """Copies by name, of before the first trace those that were restored."""
        held = {name: variable.numpy() for name, variable in zip(self._names, self.variables, strict=True)}
        return self._restored | held

    def restore(self, values: dict[str, np.ndarray]) -> None:
        """Takes back what `values` returned; the next trace begins with them."""
        self.variables, self._names, self._restored = [], [], values


def _unique(names: list[str]) -> list[str]:
    """The names, the second of equal ones with #2 behind it."""
    seen: Counter = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found
