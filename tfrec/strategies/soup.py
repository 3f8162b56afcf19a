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
        decay: weight of a model relative to that of the update after it; 1 weighs all equally, below 1 is an
            exponential average.

    Raises:
        InputError: fewer than 1, or a decay not above 0, up to 1.
    """

    goes_on = sets_weights = True

    def __init__(self, last: int = 3, decay: float = 1.0) -> None:
        require(last >= 1, f"strategy.soup.last is {last}: choose 1 or more updates.")
        require(0 < decay <= 1, f"strategy.soup.decay is {decay}: choose above 0, up to 1.")
        self.last, self.decay = last, decay
        self._weights: list[list[np.ndarray]] = []

    def prepare(self, learner, update):
        """Goes on from the newest weights; a row that started since has its start in the older ones too."""
        if self._weights:
            for place, (variable, mean) in enumerate(zip(learner.model.trainable_variables, self._mean(), strict=True)):
                value = np.array(variable.numpy())
                head = value[(*(slice(0, size) for size in mean.shape), ...)]  # of a number too, a view
                started = head != mean
                if mean.ndim > 1:  # by row: one number of a row may start where the mean was
                    started = started.any(axis=-1, keepdims=True)
                for weights in self._weights:
                    weights[place] = np.where(started, head, weights[place])
                head[...] = self._weights[-1][place]
                variable.assign(value)
        return update

    def consolidate(self, learner, update) -> None:
        """Keeps the weights of now, and puts the mean in their place."""
        self._weights = [*self._weights, Weights(learner.model).values][-self.last :]
        shapes = [value.shape for value in self._weights[-1]]
        for number, weights in enumerate(self._weights):
            pairs = zip(weights, self._weights[-1], shapes, strict=True)
            self._weights[number] = [_grown(value, newest, shape) for value, newest, shape in pairs]
        Weights(learner.model, self._mean()).assign()

    def _mean(self) -> list[np.ndarray]:
        share = self.decay ** np.arange(len(self._weights))[::-1]
        share = (share / share.sum()).astype(np.float32)
        columns = zip(*self._weights, strict=True)
        return [sum(s * v for s, v in zip(share, values, strict=True)).astype(values[0].dtype) for values in columns]

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


def _grown(value: np.ndarray, newest: np.ndarray, shape: tuple) -> np.ndarray:
    """An older value with the newest one's rows where it has none."""
    if value.shape == shape:
        return value
    full = newest.copy()
    full[tuple(slice(0, size) for size in value.shape)] = value
    return full
