"""Sequential meta-learning: a network that joins the weights of before an update and those after it."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.row_networks import glorot
from tfrec.strategies.transfer import Transfer


class Sml(Transfer):
    """`W_t = f(W_{t-1}, What_t)`, What_t being W_{t-1} after learning period t (SML, Zhang et al., SIGIR 2020).

    Of a row w of W_{t-1} and the same row v of What_t, both of `width` numbers:

        H0 = [w; v; w * v / |w|]                  3 x width
        H1 = gelu(A1 H0 + a1)                     filters x width, the same for each column
        H2 = gelu(A2 H1 + a2)                     filters / 2 x width
        f  = v + B2 gelu(B1 vec(H2) + b1) + b2

    with B2 = b2 = 0 at the start, so that f begins as plain learning; the paper has no `v +`. Period t + 1 is learned
    from `f(W_{t-1}, What_t)` by the f that has learned on it. See `Transfer`.

    Args:
        steps, batch, learning_rate, seed: see `Transfer`.
        filters, hidden: sizes of A1 and B1.

    Raises:
        InputError: see `Transfer`; fewer than 2 filters or no hidden unit.
    """

    learns_ahead = True

    def __init__(
        self,
        steps: int = 20,
        batch: int = 1024,
        learning_rate: float = 0.001,
        filters: int = 10,
        hidden: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__(steps, batch, learning_rate, seed)
        sizes = f"filters={filters}, hidden={hidden}"
        require(filters >= 2 and hidden >= 1, f"strategy.sml has {sizes}: choose 2 and 1 or more.")
        self.filters, self.hidden = filters, hidden
        self._begun: list[np.ndarray] = []

    def first_weights(self, rng: np.random.Generator, width: int) -> list[np.ndarray]:
        """A1, a1, A2, a2, B1, b1, B2, b2, each with its inputs first."""
        half = self.filters // 2
        sizes = [(3, self.filters), (self.filters, half), (half * width, self.hidden)]
        found = []
        for inputs, outputs in sizes:
            found += [glorot(rng, inputs, outputs), np.zeros(outputs, np.float32)]
        return [*found, np.zeros((self.hidden, width), np.float32), np.zeros(width, np.float32)]

    def rows(self, values: list, stack):
        """In graph; see the class."""
        first, first_bias, second, second_bias, inner, inner_bias, last, last_bias = values
        w, v = stack[..., 0], stack[..., 1]
        product = tf.math.divide_no_nan(w * v, tf.norm(w, axis=1, keepdims=True))
        columns = tf.nn.gelu(tf.tensordot(tf.stack([w, v, product], axis=2), first, 1) + first_bias)
        columns = tf.nn.gelu(tf.tensordot(columns, second, 1) + second_bias)  # [n, width, filters / 2]
        flat = tf.reshape(columns, [-1, columns.shape[1] * columns.shape[2]])
        return v + tf.matmul(tf.nn.gelu(tf.matmul(flat, inner) + inner_bias), last) + last_bias

    def begun(self) -> list[np.ndarray]:
        """f of the last pair."""
        self._begun = self.made()
        return self._begun

    def inputs(self, before: list, newest: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Where the update began and where it ended."""
        return [self._begun, newest]
