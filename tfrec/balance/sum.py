"""The plain sum."""

from collections.abc import Mapping

import tensorflow as tf

from tfrec.balance.balance import Balance
from tfrec.errors import require


class Sum(Balance):
    """`sum over tasks k of w_k L_k`, with weights that are given.

    Args:
        weights: of tasks, by name; of others 1.
        watch: whether the gradient of each task is taken by itself, so that their cosines are logged.

    Raises:
        InputError: a weight is below 0; later, the model has no task of a name.
    """

    least_tasks = 1
    of_shares = True

    def __init__(self, weights: Mapping[str, float] | None = None, watch: bool = False) -> None:
        super().__init__()
        self.needs_gradients = watch
        self.of_tasks = dict(weights or {})
        self.plain = not self.of_tasks and not watch
        for task, weight in self.of_tasks.items():
            require(weight >= 0, f"balance.weights.{task} is {weight}: choose 0 or more.")

    def build(self, tasks) -> None:
        """See `Balance`."""
        for task in self.of_tasks:
            require(
                task in tasks,
                f"balance.weights names the task {task}, and the model has {', '.join(tasks)}: use these.",
            )
        super().build(tasks)

    def weights(self, losses, products):
        """See `Balance`."""
        return tf.constant([float(self.of_tasks.get(task, 1.0)) for task in self.tasks])
