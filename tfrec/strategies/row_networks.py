"""Small networks that make rows of a model's weights from the rows of several models."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

BLOCK = 2**18  # weights of one model that a network sees at once; while it learns it holds about a hundred times that


class RowNetworks:
    """One network for each variable of a model, shared by the variable's rows; `[n, width, models]` -> `[n, width]`.

    Rows go through a network in blocks, so a large table takes no more memory than a block.

    Args:
        first: `(rng, width)` gives the start values of a network for rows of that width.
        function: `(values, stack)`, in graph, gives rows `[n, width]` from those of several models, the newest last.
        learning_rate: of Adam, one for each network.
        seed: of the start values, with the variable's place.
    """

    def __init__(self, first: Callable, function: Callable, learning_rate: float, seed: int = 0) -> None:
        self.first, self.function, self.learning_rate, self.seed = first, function, learning_rate, seed
        self.weights: dict[int, list[tf.Variable]] = {}
        self._optimizers: dict[int, tf.keras.optimizers.Adam] = {}
        self._graphs: dict[tuple, tuple] = {}
        self._move = tf.function(self._moved)

    def __call__(self, place: int, models: Sequence[np.ndarray]) -> np.ndarray:
        """Rows `[n, width]` of the variable at `place`, from those of each model, the newest last."""
        apply, values = self._traced(place, models)[0], self._values(place)
        parts = [apply(values, stack).numpy() for stack, _ in _blocks(models)]
        return np.concatenate(parts) if parts else models[-1]

    def slopes(self, place: int, models: Sequence[np.ndarray], slopes: np.ndarray) -> list[tf.Tensor]:
        """The gradient of a loss for a network's weights, from its gradient for the rows `[n, width]` it makes."""
        backward, values = self._traced(place, models)[1], self._values(place)
        total = [tf.zeros_like(value) for value in values]
        for stack, rows in _blocks(models):
            found = backward(values, stack, tf.convert_to_tensor(slopes[rows], tf.float32))
            total = [before + slope for before, slope in zip(total, found, strict=True)]
        return total

    def move(self, slopes: dict[int, list[tf.Tensor]]) -> None:
        """A step of Adam for each network that has a gradient."""
        if slopes:
            self._move(slopes)

    def state(self) -> dict[str, np.ndarray]:
        """Weights and Adam's state of each network."""
        parts = {"weight": self.weights, "adam": {place: adam.variables for place, adam in self._optimizers.items()}}
        return {
            f"{part}/{place}/{n}": np.array(variable.numpy())
            for part, held in parts.items()
            for place, variables in sorted(held.items())
            for n, variable in enumerate(variables)
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes them back."""
        self.weights, self._optimizers, self._move = {}, {}, tf.function(self._moved)
        held: dict[tuple, list[np.ndarray]] = {}
        for key, value in state.items():
            part, place, _ = key.split("/")
            held.setdefault((part, int(place)), []).append(value)
        for place in sorted({place for _, place in held}):
            self._add(place, held["weight", place])
            for variable, value in zip(self._optimizers[place].variables, held["adam", place], strict=True):
                variable.assign(value)

    def _moved(self, slopes: dict[int, list[tf.Tensor]]) -> None:
        for place, found in slopes.items():
            self._optimizers[place].apply_gradients(zip(found, self.weights[place], strict=True))

    def _values(self, place: int) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(variable) for variable in self.weights[place]]

    def _traced(self, place: int, models: Sequence[np.ndarray]) -> tuple[Callable, Callable]:
        """Two graphs, of the rows and of the gradient, for all networks of this width and number of models."""
        width = models[-1].shape[1]
        if place not in self.weights:
            self._add(place, self.first(np.random.default_rng([self.seed, place]), width))
        if (width, len(models)) not in self._graphs:
            specs = [tf.TensorSpec(value.shape, value.dtype) for value in self.weights[place]]
            signature = [specs, tf.TensorSpec([None, width, len(models)])]
            self._graphs[width, len(models)] = (
                tf.function(self.function, input_signature=signature),
                tf.function(self._backward, input_signature=[*signature, tf.TensorSpec([None, width])]),
            )
        return self._graphs[width, len(models)]

    def _backward(self, values, stack, slopes):
        with tf.GradientTape() as tape:
            tape.watch(values)
            made = self.function(values, stack)
        return tape.gradient(made, values, output_gradients=slopes, unconnected_gradients="zero")

    def _add(self, place: int, values: Sequence[np.ndarray]) -> None:
        self.weights[place] = [tf.Variable(value, dtype=tf.float32) for value in values]
        self._optimizers[place] = tf.keras.optimizers.Adam(self.learning_rate, jit_compile=False)
        self._optimizers[place].build(self.weights[place])


def glorot(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """`[inputs, outputs]`, uniform, by Glorot and Bengio (AISTATS 2010)."""
    limit = np.sqrt(6 / (inputs + outputs))
    return rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)


def _blocks(models: Sequence[np.ndarray]):
    """Stacks `[block, width, models]`, float32, each with its rows."""
    rows, width = models[-1].shape
    size = max(1, BLOCK // width)
    for start in range(0, rows, size):
        block = slice(start, start + size)
        yield tf.convert_to_tensor(np.stack([model[block] for model in models], axis=2), tf.float32), block
