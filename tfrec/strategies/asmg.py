"""Adaptive sequential model generation: a recurrent network over the sequence of updated models."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.row_networks import glorot
from tfrec.strategies.transfer import Transfer


class Asmg(Transfer):
    """Scores by `GRU(Theta_{t-k+1}, .., Theta_t)`, Theta_t plainly updated weights (ASMG, Peng et al., RecSys 2021).

    Each weight by itself, with one GRU for each variable, shared by its entries. Of the values `x_1 .. x_k` of an
    entry, from `h_0 = 0`:

        z = sigmoid(W_z x_s + U_z h_{s-1} + b_z),  r = sigmoid(W_r x_s + U_r h_{s-1} + b_r)
        c = tanh(W_c x_s + U_c (r * h_{s-1}) + b_c),  h_s = (1 - z) * h_{s-1} + z * c
        x* = x_k + v h_k

    with v = 0 at the start, so that it begins as plain learning; the paper has no `x_k +`. Learning goes on from
    Theta_t, not from what is scored. See `Transfer`. This is the paper's GRU-single, which learns on its last output
    alone; its GRU-multi, which it finds a little better, learns on each output by the period after it.

    Args:
        last: k, models in the sequence; fewer in the first updates.
        steps, batch, learning_rate, seed: see `Transfer`.
        hidden: size of h.

    Raises:
        InputError: see `Transfer`; fewer than 2 models or no hidden unit.
    """

    def __init__(
        self,
        last: int = 3,
        steps: int = 20,
        batch: int = 1024,
        learning_rate: float = 0.01,
        hidden: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__(steps, batch, learning_rate, seed)
        require(last >= 2 and hidden >= 1, f"strategy.asmg has last={last}, hidden={hidden}: choose 2 and 1 or more.")
        self.last, self.hidden = last, hidden

    def first_weights(self, rng: np.random.Generator, width: int) -> list[np.ndarray]:
        """W, U and b of the gates z, r and of c side by side, and v."""
        size = self.hidden
        w, u = ([glorot(rng, inputs, size) for _ in range(3)] for inputs in (1, size))
        zeros = [np.zeros(3 * size, np.float32), np.zeros((size, 1), np.float32)]
        return [np.concatenate(w, axis=1), np.concatenate(u, axis=1), *zeros]

    def rows(self, values: list, stack):
        """In graph; see the class."""
        w, u, b, v = values
        entries = tf.reshape(stack, [-1, stack.shape[2]])
        h = tf.zeros([tf.shape(entries)[0], self.hidden])
        gates = 2 * self.hidden
        for number in range(stack.shape[2]):
            given = tf.matmul(entries[:, number : number + 1], w) + b
            z, r = tf.split(tf.sigmoid(given[:, :gates] + tf.matmul(h, u[:, :gates])), 2, axis=1)
            c = tf.tanh(given[:, gates:] + tf.matmul(r * h, u[:, gates:]))
            h = (1 - z) * h + z * c
        return stack[..., -1] + tf.reshape(tf.matmul(h, v), [-1, stack.shape[1]])

    def begun(self) -> list[np.ndarray]:
        """The newest plainly updated weights."""
        return self._inputs[-1]

    def inputs(self, before: list[list[np.ndarray]], newest: list[np.ndarray]) -> list[list[np.ndarray]]:
        """The last models."""
        return [*before, newest][-self.last :]
