"""Models of a few weights, whose steps can be written down."""

import numpy as np
import tensorflow as tf
import tf_keras

from tfrec.data.examples import Examples, Update
from tfrec.learner import Learner
from tfrec.models.choices import Choices
from tfrec.models.stream_model import StreamModel
from tfrec.tasks.averaging import mean_per_task


class Points(StreamModel, tf.keras.Model):
    """The loss of a row is `|w - x|^2 / 2`: its gradient is w - x, and a plain step goes the rate's part of the way to
    the mean of the rows."""

    def __init__(self, start=(0.0, 0.0)):
        super().__init__()
        self.w = self.add_weight("w", (len(start),), initializer=tf.constant_initializer(start))

    def call(self, features, training=False):
        return {"w": self.w}

    def task_losses(self, outputs, features, training=True):
        return {"square": tf.reduce_sum(tf.square(outputs["w"] - features["x"]), axis=1) / 2}

    def compute_loss(self, features, training=False):
        return tf.add_n([*mean_per_task(self.task_losses(self(features), features)).values()])


class Three(Points):
    """Three choices with the logits `w * x`, of which a row took `took`, one-hot."""

    def __init__(self):
        super().__init__((0.0, 0.0, 0.0))

    def call(self, features, training=False):
        return {"logits": self.w * features["x"]}

    def task_losses(self, outputs, features, training=True):
        return {"softmax": tf.nn.softmax_cross_entropy_with_logits(features["took"], outputs["logits"])}

    def before(self, queries, candidates):
        return {"logits": self.w.numpy() * queries["x"]}, {}

    def choices(self, outputs, features):
        return Choices(outputs["logits"], features["took"], tf.ones_like(features["took"]))

    def squared_change(self, outputs, then, features, when):
        rows = tf.cast(when > 0, tf.float32)
        each = tf.reduce_mean(tf.square(outputs["logits"] - then["logits"]), axis=1)
        return tf.reduce_sum(each * rows) / tf.reduce_sum(rows)


def points(rows, period=0, **queries):
    """An update of rows `[n, dim]`, all of one item."""
    queries = {"x": np.asarray(rows, np.float32)} | queries
    size = len(queries["x"])
    examples = Examples(queries, np.arange(size), np.zeros(size, int))
    return Update(period, examples, {"item": np.zeros(1, int), "log_q": np.zeros(1, np.float32)})


def learner_of(model, *strategies, rate=0.5):
    return Learner(model, tf_keras.optimizers.SGD(rate), list(strategies))


def learn(learner, update, steps=1):
    """So many plain steps of all rows at once."""
    return learner.learn(update, steps, len(update.examples), seed=0)


def choices(logits, took, real=None):
    """`Choices` of one row."""
    logits = tf.Variable([logits], dtype=tf.float32)
    real = tf.ones_like(logits) if real is None else tf.constant([real], tf.float32)
    return Choices(logits, tf.one_hot([took], logits.shape[1]), real)


def loss_and_slope(strategy, now, before):
    """A row's loss, and its gradient by the logits of now."""
    with tf.GradientTape() as tape:
        loss = strategy.row_loss(now, before)
    return float(loss[0]), tape.gradient(loss, now.logits).numpy()[0]
