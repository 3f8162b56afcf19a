"""Weights by how fast a task's loss falls."""

import numpy as np
import tensorflow as tf

from tfrec.balance.balance import Balance
from tfrec.errors import require


class Dwa(Balance):
    """`w = K softmax(r / temperature)` of K tasks, with `r_k` the mean loss of the last update over that of the one
    before (dynamic weight average, Liu et al., CVPR 2019, whose epochs are updates here). The first two have weights 1.

    Args:
        temperature: the higher, the more equal.

    Raises:
        InputError: the temperature is not above 0.
    """

    goes_on = True

    def __init__(self, temperature: float = 2.0) -> None:
        super().__init__()
        require(temperature > 0, f"balance.temperature is {temperature}: choose above 0.")
        self.temperature = temperature

    def start(self, tasks):
        """See `Balance`: the weights; sums of losses in this update, and its steps; means of the last."""
        none = np.zeros(tasks, np.float32)
        return {"weights": none + 1, "total": none, "steps": np.array(0, np.float32), "last": none}

    def weights(self, losses, products):
        """See `Balance`."""
        self.move("total", self.variables["total"] + losses)
        self.variables["steps"].assign_add(tf.cast(tf.reduce_all(tf.math.is_finite(losses)), tf.float32))
        return tf.identity(self.variables["weights"])

    def consolidate(self):
        """See `Balance`: the next update's weights."""
        total, steps, last = (self.variables[key].numpy() for key in ("total", "steps", "last"))
        if not steps:
            return
        mean = total / steps
        if (last > 0).all():
            pace = mean / last / self.temperature
            share = np.exp(pace - pace.max())
            self.variables["weights"].assign(len(mean) * share / share.sum())
        self.variables["last"].assign(mean)
        for key in ("total", "steps"):
            self.variables[key].assign(tf.zeros_like(self.variables[key]))
