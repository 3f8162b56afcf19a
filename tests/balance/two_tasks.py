"""A model of two tasks that pull the same towers apart."""

import tensorflow as tf
import tf_keras

from tests.toy import make_interactions
from tfrec.data.features import TowerFeatures
from tfrec.data.stream import Stream
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.models.two_tower import TwoTower


class TwoTasks(TwoTower):
    """Retrieval, and vectors of users far from those of what they bought; `own` has a weight that it alone moves."""

    def __init__(self, **options):
        super().__init__(**{"dim": 4, "new_items": "mean", "features": TowerFeatures(history_length=5)} | options)
        self.shift = tf.Variable(0.5, name="shift")

    def task_losses(self, outputs, features, training=True):
        """See `TwoTower`."""
        (retrieval,) = super().task_losses(outputs, features, training).values()
        own = tf.gather(outputs["candidate"], features["label"]) if "label" in features else outputs["candidate"]
        apart = tf.reduce_sum(outputs["query"] * own, axis=1) + self.shift
        return {"retrieval": retrieval, "apart": tf.square(apart)}


def make_state(balance, optimizer=None, jit_compile=False, **options):
    model = TwoTasks(**options)
    optimizer = optimizer or tf_keras.optimizers.Adam(0.01)
    learner = Learner(model, optimizer, [], jit_compile, balance=balance)
    return StreamState(Stream(make_interactions(per_day=40)), model, learner, {})


def go_on(state, periods):
    costs = {}
    for t in periods:
        state.observe(t)
        costs = state.learn(range(t, t + 1), epochs=1, batch_size=32) | state.learner.costs()
    return costs
