"""Matrix factorisation with biases, for ratings and other labels that are numbers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec.data.history import History
from tfrec.data.id_features import IdFeatures
from tfrec.errors import require
from tfrec.layers.growing import GrowingTable
from tfrec.models.stream_model import StreamModel
from tfrec.tasks.averaging import mean_per_task


class BiasedMF(StreamModel, tfrs.Model):
    """`label(u, i) = mu + b_u + b_i + <p_u, q_i>`, learned by squared loss (Koren et al., IEEE Computer 2009).

    `mu` is the running mean of the labels learned from, the newest included. Biases start at 0, factors as
    `normal(0, stddev)`. With plain SGD of rate r and one event a step, for the error `e = label(u, i) - label`:
    `b -= 2 r bias_rate e`, `p_u -= 2 r e q_i`, `q_i -= 2 r e p_u`, all from the values before the step.

    As two towers: `<[p_u, b_u, 1], [q_i, 1, b_i]>`, which ranks as the label does.

    Args:
        dim: length of the factors.
        stddev: standard deviation of new factors.
        label: the event column that is predicted.
        low: predictions below it are scored as it; None for no limit. high: the same from above.
        bias_rate: factor on the gradients of the biases: under SGD, their learning rate over that of the factors.
        l2: weight of `l2 / 2 * (b_u^2 + b_i^2 + |p_u|^2 + |q_i|^2)` in an event's loss.
    """

    def __init__(
        self,
        dim: int = 10,
        stddev: float = 0.1,
        label: str = "rating",
        low: float | None = None,
        high: float | None = None,
        bias_rate: float = 1.0,
        l2: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        require(isinstance(dim, int) and dim >= 1, f"model.dim is {dim}: choose 1 or more.")
        require(stddev >= 0 and l2 >= 0, f"model.stddev is {stddev}, model.l2 is {l2}: not below 0.")
        require(bias_rate >= 0, f"model.bias_rate is {bias_rate}: choose 0 or more.")
        require(None in (low, high) or low < high, f"model.low is {low}, model.high is {high}: choose low < high.")
        self.label, self.labels = label, (label,)
        self.low, self.high = -np.inf if low is None else low, np.inf if high is None else high
        self.bias_rate, self.l2 = bias_rate, l2
        self.features = IdFeatures()
        self.user_bias = GrowingTable(1, stddev=0, name="user_bias")
        self.item_bias = GrowingTable(1, stddev=0, name="item_bias")
        self.user_factors = GrowingTable(dim, stddev, seed=seed, name="user_factors")
        self.item_factors = GrowingTable(dim, stddev, seed=seed + 1, name="item_factors")
        # In float64, because float32 counts no further than 2^24.
        self.count = tf.Variable(0.0, trainable=False, dtype=tf.float64, name="count")
        self.mean = tf.Variable(0.0, trainable=False, dtype=tf.float64, name="mean")

    @property
    def statistics(self) -> tuple:
        """See `StreamModel`."""
        return self.count, self.mean

    def grow(self, history: History, items: pd.DataFrame, changed: Sequence = ()) -> bool:
        """Makes room for new users and items; new rows are drawn from the seed."""
        users, items = history.shape
        replaced = [self.user_bias.grow(users), self.user_factors.grow(users)]
        return any(replaced + [self.item_bias.grow(items), self.item_factors.grow(items)])

    def table_rows(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The features, whose rows are checked; see `StreamModel`."""
        for name, table in {"user": self.user_bias, "item": self.item_bias}.items():
            if name in features:
                table.check(name, features[name])
        return features

    def query_embeddings(self, features, training=False):
        """`[p_u, b_u, 1]`, `[n, dim + 2]`; zeros for the row of a user never seen."""
        known = features["user_known"][:, None]
        factors, bias = self.user_factors(features["user"]), self.user_bias(features["user"])
        known = tf.cast(known, bias.dtype)
        return tf.concat([factors * known, bias * known, tf.ones_like(bias)], axis=1)

    def candidate_embeddings(self, features, training=False):
        """`[q_i, 1, b_i]`, `[n, dim + 2]`."""
        factors, bias = self.item_factors(features["item"]), self.item_bias(features["item"])
        return tf.concat([factors, tf.ones_like(bias), bias], axis=1)

    def call(self, features, training=False):
        """The label of each row under its name and `l2`, its penalty, each `[batch]`, float32.

        Training takes the labels into the mean first.
        """
        if training:
            labels = tf.cast(features[self.label], tf.float64)
            self.count.assign_add(tf.cast(tf.size(labels), tf.float64))
            self.mean.assign_add(tf.reduce_sum(labels - self.mean) / self.count)
        biases = self.user_bias(features["user"])[:, 0], self.item_bias(features["item"])[:, 0]
        biases = [_slowed(tf.cast(bias, tf.float32), self.bias_rate) for bias in biases]
        factors = self.user_factors(features["user"]), self.item_factors(features["item"])
        p, q = (tf.cast(factor, tf.float32) for factor in factors)
        predicted = tf.cast(self.mean, tf.float32) + biases[0] + biases[1] + tf.reduce_sum(p * q, axis=1)
        squares = biases[0] ** 2 + biases[1] ** 2 + tf.reduce_sum(p**2 + q**2, axis=1)
        return {self.label: predicted, "l2": self.l2 / 2 * squares}

    def predictions(self, features) -> dict[str, tf.Tensor]:
        """What is scored: the label of each row, `[batch]`, not below `low` and not above `high`."""
        return {self.label: tf.clip_by_value(self(features)[self.label], self.low, self.high)}

    def task_losses(self, outputs, features, training=True) -> dict[str, tf.Tensor]:
        """Squared error of each row plus its penalty, `[batch]`."""
        return {self.label: (outputs[self.label] - features[self.label]) ** 2 + outputs["l2"]}

    def compute_loss(self, features, training=False):
        """Mean loss of the batch: what TFRS's training step asks for."""
        return tf.add_n([*mean_per_task(self.task_losses(self(features, training=training), features)).values()])


def _slowed(values, rate: float):
    """`values`, with a gradient of `rate` times theirs."""
    return tf.stop_gradient(values) + rate * (values - tf.stop_gradient(values))
