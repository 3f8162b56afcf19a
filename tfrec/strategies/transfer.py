"""Making the model that is scored out of several, by networks that learn how on later data."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.models.weights import Weights
from tfrec.strategies.row_networks import RowNetworks
from tfrec.strategies.row_slopes import RowSlopes, put, rows_of
from tfrec.strategies.strategy import Strategy


class Transfer(Strategy):
    """After update t the model is `f(inputs_t)`, f networks on rows of its weights; subclasses say which inputs.

    When the examples of update t + 1 are known, and before the model learns them, f learns on them: the model gets
    `f(inputs_t)`, the gradient g of its loss is taken, and `(d f / d w)^T g` moves f's own weights w by Adam. Only
    examples that no update has learned count. Of a table of ids, only rows that the batch reads are made and
    differentiated; every other variable is made whole, in blocks of rows (`RowNetworks`).

    There is one network for each variable, shared by its rows. It starts as the identity on the newest weights. A row
    that is the same in all inputs is left alone: no update has learned it since the oldest of them, or it was set since
    the last one (a new id's start), which sets it in all inputs. A variable that comes later is at the end of the
    model's list. The first update, which has nothing before it, is plain learning.

    Args:
        steps, batch: of f an update; examples a step.
        learning_rate: of f's Adam.
        seed: of the networks' start, and of which examples f learns on.

    Raises:
        InputError: a number is out of range, or there are several devices.
    """

    goes_on = sets_weights = True

    def __init__(self, steps: int, batch: int, learning_rate: float, seed: int) -> None:
        name = self.name
        require(steps >= 1 and batch >= 2, f"strategy.{name} has steps={steps}, batch={batch}: choose 1 and 2 or more.")
        require(learning_rate > 0, f"strategy.{name}.learning_rate is {learning_rate}: choose above 0.")
        require(
            tf.distribute.get_strategy().num_replicas_in_sync == 1,
            f"strategy={name} makes weights on one device, and this runtime has several: choose runtime=cpu or gpu.",
        )
        self.steps, self.batch, self.seed = steps, batch, seed
        self.networks = RowNetworks(self.first_weights, self.rows, learning_rate, seed)
        self._slopes = RowSlopes()
        self._inputs: list[list[np.ndarray]] = []  # models, the oldest first, of each variable `[rows, width]`
        self._left: list[np.ndarray] = []  # what the last update left in the model

    @property
    def name(self) -> str:
        """As it is called in conf/strategy."""
        return type(self).__module__.rpartition(".")[2]

    def first_weights(self, rng: np.random.Generator, width: int) -> list[np.ndarray]:
        """Start values of a network for rows of that width."""
        raise NotImplementedError

    def rows(self, values: list, stack):
        """In graph: rows `[n, width]` from those of the inputs, `[n, width, inputs]`, by a network's values."""
        raise NotImplementedError

    def begun(self) -> list[np.ndarray]:
        """The rows that ordinary learning starts from."""
        raise NotImplementedError

    def inputs(self, before: list[list[np.ndarray]], newest: list[np.ndarray]) -> list[list[np.ndarray]]:
        """What f gets after an update that ended with `newest`, the inputs before it being `before`."""
        raise NotImplementedError

    def prepare(self, learner, update):
        """Lets f learn on the examples, then gives the model the weights to go on from."""
        if self._inputs:
            self._follow(learner.model)
            if len(self._inputs) > 1:
                self._train(learner, update)
            _assign(learner.model, self.begun())
        return update

    def consolidate(self, learner, update) -> None:
        """Gives the model f's weights, and keeps f's inputs."""
        newest = [rows_of(value) for value in Weights(learner.model).values]
        self._inputs = self.inputs(self._inputs, newest) if self._inputs else [newest]
        self._left = self.made()
        _assign(learner.model, self._left)

    def made(self) -> list[np.ndarray]:
        """`f(inputs)`, of each variable `[rows, width]`; a lone input as it is."""
        found = [value.copy() for value in self._inputs[-1]]
        for place, moved in enumerate(self._moved()):
            if moved.any():
                # All rows, so that shapes, and with them every last bit, do not depend on which have moved.
                found[place][moved] = self.networks(place, [weights[place] for weights in self._inputs])[moved]
        return found

    def _moved(self) -> list[np.ndarray]:
        """Which rows of each variable differ between inputs, bool `[rows]`: those that f makes."""
        oldest, *others = self._inputs
        moved = [np.zeros(len(value), bool) for value in oldest]
        for weights in others:
            for marks, value, first in zip(moved, weights, oldest, strict=True):
                marks |= (value != first).any(axis=1)
        return moved

    def state(self) -> dict:
        """The inputs, what was made of them, and the networks with their Adam."""
        models = {"left": self._left} | {f"input-{n}": weights for n, weights in enumerate(self._inputs)}
        kept = {f"{name}/{place}": v for name, weights in models.items() for place, v in enumerate(weights)}
        return kept | {f"network/{key}": value for key, value in self.networks.state().items()}

    def restore(self, state: dict) -> None:
        """Takes them back."""
        models: dict[str, list[np.ndarray]] = {}
        for key, value in state.items():
            if not key.startswith("network/"):
                models.setdefault(key.partition("/")[0], []).append(value)
        self._left = models.pop("left", [])
        self._inputs = [models[f"input-{n}"] for n in range(len(models))]
        networks = {key: value for key, value in state.items() if key.startswith("network/")}
        self.networks.restore({key.removeprefix("network/"): value for key, value in networks.items()})

    def _follow(self, model) -> None:
        """Gives all inputs the model's rows that were set since the last update."""
        for place, variable in enumerate(model.trainable_variables):
            now = rows_of(variable.numpy())
            left = self._left[place] if place < len(self._left) else now[:0]
            new = np.ones(len(now), bool)
            new[: len(left)] = (now[: len(left)] != left).any(axis=1)
            for weights in self._inputs:
                full = now.copy()
                if place < len(weights):
                    full[~new] = weights[place][~new[: len(left)]]
                weights[place : place + 1] = [full]

    def _train(self, learner, update) -> None:
        fresh = np.arange(update.fresh, len(update.examples))
        if len(fresh) < 2:
            return
        model, rng, moved = learner.model, np.random.default_rng([self.seed, update.period]), self._moved()
        size = min(len(fresh), max(2, self.batch // getattr(model, "rows_per_example", 1)))
        for _ in range(self.steps):
            batch = update.examples.rows(rng.choice(fresh, size, replace=False), update.candidates)
            learner.steps, learner.examples = learner.steps + 1, learner.examples + size
            batch = model.batch(batch, learning=False) if hasattr(model, "task_losses") else batch
            self._step(learner, {key: tf.convert_to_tensor(values) for key, values in batch.items()}, moved)

    def _step(self, learner, batch: dict[str, tf.Tensor], moved: list[np.ndarray]) -> None:
        """One step of f on a batch, unless its gradient is not finite, as float16's scale may make it."""
        variables, read = learner.model.trainable_variables, self._slopes.rows(learner, batch)
        stacks: dict[int, Sequence[np.ndarray]] = {}
        for place, rows in enumerate(read):
            if rows is not None:
                known = rows[moved[place][rows]]
                stacks[place] = [weights[place][known] for weights in self._inputs]
                put(variables[place], known, self.networks(place, stacks[place]))
        slopes = self._slopes.slopes(learner, batch)
        known = {place: slopes[place][moved[place][read[place]]] for place in stacks}
        if not all(np.isfinite(slope).all() for slope in known.values()):
            return
        self.networks.move({place: self.networks.slopes(place, stacks[place], known[place]) for place in stacks})


def _assign(model, weights: list[np.ndarray]) -> None:
    for variable, value in zip(model.trainable_variables, weights, strict=True):
        variable.assign(value.reshape(variable.shape))
