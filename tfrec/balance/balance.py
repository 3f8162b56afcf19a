"""How the losses of several tasks become one step."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfrec.balance.seen import Seen, kept
from tfrec.errors import require
from tfrec.layers.dropout import StatelessDropout


class Balance:
    """Weights w of the tasks: a step goes along the gradient of `sum over tasks k of w_k L_k`.

    What must survive a kill is in `variables`, by name.

    Attributes: `tasks`, their names, in the order of losses and weights; `variables`; `seen`, of this update, None
    before `build` and of one task.
    """

    needs_gradients = False  # goes by the inner products of the tasks' gradients, not by the losses alone
    of_shares = False  # gives the same on several devices, each of which sees its share of a batch
    plain = False  # the losses are added as they are, and nothing is looked at
    of_own = True  # what one task alone moves is moved by its weight too
    least_tasks = 2  # below which there is nothing to weigh
    goes_on = False  # compares an update with those before it

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.variables: dict[str, tf.Variable] = {}
        self.seen: Seen | None = None

    def build(self, tasks: Sequence[str]) -> None:
        """Before a trace of the step: makes the variables, if they are not there.

        Raises:
            InputError: there is one task only, or other tasks than before.
        """
        require(
            len(tasks) >= self.least_tasks,
            f"balance={self.name} weighs tasks against one another, and this model has the task {', '.join(tasks)} "
            "alone: choose balance=sum, or a model of several tasks.",
        )
        require(
            self.tasks in ([], [*tasks]),
            f"balance={self.name} has weighed {', '.join(self.tasks)}, and the model now has {', '.join(tasks)}.",
        )
        if not self.tasks and len(tasks) > 1:
            self.seen = Seen([*tasks])
        self.tasks = [*tasks]
        for key, start in self.start(len(tasks)).items():
            if key not in self.variables:
                self.variables[key] = kept(start, key)

    @property
    def name(self) -> str:
        """As it is called in conf/balance."""
        return type(self).__module__.rpartition(".")[2]

    def start(self, tasks: int) -> dict[str, np.ndarray]:
        """What the variables are before anything is learned."""
        return {}

    def weights(self, losses: tf.Tensor, products: tf.Tensor | None) -> tf.Tensor:
        """In graph, once for each batch that a gradient is taken of: w `[tasks]`; moves the variables.

        Args:
            losses: `[tasks]`. products: inner products of the tasks' gradients `[tasks, tasks]`, of all that several
                tasks move; None unless `needs_gradients`.
        """
        raise NotImplementedError

    def consolidate(self) -> None:
        """Eager, after an update."""

    def start_anew(self) -> None:
        """Eager: the variables as before anything was learned."""
        if not self.tasks:  # restored, and not built yet: `build` makes them
            self.variables.clear()
            return
        for key, start in self.start(len(self.tasks)).items():
            self.variables[key].assign(start)

    def state(self) -> dict[str, np.ndarray]:
        """The variables, for a checkpoint."""
        return {key: variable.numpy() for key, variable in self.variables.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes them back."""
        for key, value in state.items():
            if key in self.variables:
                self.variables[key].assign(value)
            else:
                self.variables[key] = kept(value, key)

    def move(self, key: str, value: tf.Tensor) -> None:
        """In graph: gives a variable its next value, unless that is not finite, as where float16 overflows."""
        variable = self.variables[key]
        variable.assign(tf.where(tf.reduce_all(tf.math.is_finite(value)), value, variable))


class Drawn(Balance):
    """A `Balance` that draws numbers: of each batch its own, the same in every run of a seed.

    Args:
        seed: of the draws.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self._draw = StatelessDropout(0.0, seed)
        self.variables["calls"] = self._draw.calls

    def start(self, tasks: int) -> dict[str, np.ndarray]:
        """See `Balance`: no draw has been made."""
        return {"calls": np.array(0, np.int64)}

    def start_anew(self) -> None:
        """See `Balance`."""
        self._draw.calls.assign(0)

    def uniform(self, *shape: int) -> tf.Tensor:
        """In graph, once for each batch: numbers from 0 to below 1, the same with XLA and without it."""
        return tf.reshape(self._draw.uniform(tf.range(int(np.prod(shape)))), shape)
