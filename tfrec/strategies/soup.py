"""The mean of the last models."""

import numpy as np

from tfrec.errors import require
from tfrec.models.weights import Weights
from tfrec.strategies.strategy import Strategy


class Soup(Strategy):
    """Scores by the mean of the weights after the last `last` updates, and goes on learning from the newest.

    A uniform soup (Wortsman et al., ICML 2022) over time. A table that was smaller at an earlier update counts there
    with the newest one's rows.

    Args:
        last: updates.

    Raises:
        InputError: fewer than 1.
    """

    def __init__(self, last: int = 3) -> None:
        require(last >= 1, f"strategy.soup.last is {last}: choose 1 or more updates.")
        self.last = last
        self._weights: list[list[np.ndarray]] = []

    def prepare(self, learner, update):
        """Goes on from the newest weights; rows that started since keep their start."""
        if self._weights:
            variables = learner.model.trainable_variables
            mean = _mean(self._weights)
            for variable, old, newest in zip(variables, mean, self._weights[-1], strict=True):
                value = np.array(variable.numpy())
                head = value[(*(slice(0, size) for size in newest.shape), ...)]  # of a number too, a view
                head[...] = np.where(head == old, newest, head)
                variable.assign(value)
        return update

    def consolidate(self, learner, update) -> None:
        """Keeps the weights of now, and puts the mean in their place."""
        self._weights = [*self._weights, Weights(learner.model).values][-self.last :]
        shapes = [value.shape for value in self._weights[-1]]
        for number, weights in enumerate(self._weights):
            pairs = zip(weights, self._weights[-1], shapes, strict=True)
            self._weights[number] = [_grown(value, newest, shape) for value, newest, shape in pairs]
        Weights(learner.model, _mean(self._weights)).assign()

    def state(self) -> dict:
        """The weights of each update, the oldest first."""
        return {f"{n}/{m}": value for n, weights in enumerate(self._weights) for m, value in enumerate(weights)}

    def restore(self, state: dict) -> None:
        """Takes them back."""
        found: dict[int, dict[int, np.ndarray]] = {}
        for key, value in state.items():
            number, place = map(int, key.split("/"))
            found.setdefault(number, {})[place] = value
        self._weights = [[weights[m] for m in sorted(weights)] for _, weights in sorted(found.items())]


def _mean(weights: list[list[np.ndarray]]) -> list[np.ndarray]:
    return [np.mean(values, axis=0, dtype=np.float32).astype(values[0].dtype) for values in zip(*weights, strict=True)]


def _grown(value: np.ndarray, newest: np.ndarray, shape: tuple) -> np.ndarray:
    """An older value with the newest one's rows where it has none."""
    if value.shape == shape:
        return value
    full = newest.copy()
    full[tuple(slice(0, size) for size in value.shape)] = value
    return full
