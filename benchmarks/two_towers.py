"""Two towers of ids: tfrec's, and those of TensorFlow Recommenders' tutorial."""

import dataclasses
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tfrec  # noqa: F401, I001  before TensorFlow

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec.data.complete_journey import load
from tfrec.data.examples import Examples, Update
from tfrec.data.features import TowerFeatures
from tfrec.data.stream import Stream
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.models.two_tower import TwoTower
from tfrec.optimizers.adagrad import Adagrad
from tfrec.tasks.loss import InBatchSoftmax

DIM, BATCH, STEPS, RATE = 64, 4096, 40, 0.1


class Tutorial(tfrs.Model):
    """As in TFRS's retrieval tutorial: two embeddings and the task."""

    def __init__(self, users: int, items: int, accidental_hits: bool = True) -> None:
        super().__init__()
        self.user_model = tf.keras.layers.Embedding(users, DIM)
        self.item_model = tf.keras.layers.Embedding(items, DIM)
        mean = tf.keras.losses.Reduction.SUM_OVER_BATCH_SIZE
        loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction=mean)
        self.task = tfrs.tasks.Retrieval(loss, remove_accidental_hits=not accidental_hits)
        self.accidental_hits = accidental_hits

    def compute_loss(self, features, training=False):
        """The task's loss."""
        ids = None if self.accidental_hits else features["item"]
        user, item = self.user_model(features["user"]), self.item_model(features["item"])
        return self.task(user, item, candidate_ids=ids)


def weeks(history_length: int = 0, **options) -> StreamState:
    """tfrec's model, after 26 weeks of Complete Journey were seen and nothing learned."""
    found = load()
    found = dataclasses.replace(found, items=found.items[["text"]])
    jit_compile = options.pop("jit_compile", False)
    loss = InBatchSoftmax(temperature=1.0, accidental_hits=options.pop("accidental_hits", False))
    features = TowerFeatures(history_length=history_length)
    model = TwoTower(features=features, dim=DIM, new_items="zero", loss=loss, **options)
    state = StreamState(Stream(found, "7D"), model, learner(model, jit_compile), {})
    for t in range(26):
        state.observe(t)
    return state


def learner(model, jit_compile: bool) -> Learner:
    """With tfrec's Adagrad, which is tf_keras's bit for bit."""
    return Learner(model, Adagrad(RATE), jit_compile=jit_compile)


def first(update: Update, size: int = STEPS * BATCH) -> Update:
    """The update with some examples of it, drawn evenly, and no log Q."""
    rows = np.random.default_rng(0).permutation(len(update.examples))[:size]
    examples = update.examples
    examples = Examples(examples.queries, examples.query[rows], examples.item[rows])
    return dataclasses.replace(
        update, examples=examples, candidates=update.candidates | {"log_q": 0 * update.candidates["log_q"]}
    )


def fitted(state: StreamState, update: Update, jit_compile: bool, accidental_hits: bool):
    """One epoch of `fit`, to be called."""
    users, items = state.history.shape
    model = Tutorial(users, items, accidental_hits)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(RATE), jit_compile=jit_compile)
    examples = update.examples
    rows = {"user": examples.queries["user"][examples.query], "item": examples.item.astype(np.int32)}
    data = tf.data.Dataset.from_tensor_slices(rows).batch(BATCH, drop_remainder=True).cache().prefetch(2)
    return lambda: model.fit(data, verbose=0)


def largest_difference(state: StreamState, update: Update, accidental_hits: bool) -> float:
    """Of the two losses, relative, over 20 steps from the same weights."""
    model = state.model
    users, items = state.history.shape
    tutorial = Tutorial(users, items, accidental_hits)
    tutorial.compile(optimizer=tf.keras.optimizers.Adagrad(RATE))
    model.user_table.assign(np.arange(users), np.random.default_rng(1).normal(0, 0.05, (users, DIM)))
    tutorial.user_model.build(None)
    tutorial.item_model.build(None)
    tutorial.user_model.set_weights([model.user_table.table.numpy()[:users]])
    tutorial.item_model.set_weights([model.item_table.table.numpy()[:items]])
    differences = []
    for number, batch in enumerate(update.examples.batches(update.candidates, BATCH, np.random.default_rng(2))):
        ours = float(state.learner.step(batch)["loss"])
        rows = {key: tf.constant(batch[key]) for key in ("user", "item")}
        theirs = float(tutorial.train_step(rows)["loss"])
        differences.append(abs(ours - theirs) / abs(theirs))
        if number == 20:
            return max(differences)


def of_size(rows: int):
    """One epoch of tfrec's model with `rows` users and items, to be called."""
    model = TwoTower(features=TowerFeatures(history_length=0), dim=32, new_items="zero")
    rng, n = np.random.default_rng(0), STEPS * BATCH
    model.user_table.grow(rows)
    model.item_table.grow(rows)
    queries = {"user": rng.integers(0, rows, n).astype(np.int32), "user_known": np.ones(n, np.float32)}
    candidates = {"item": np.arange(rows, dtype=np.int32), "log_q": np.zeros(rows, np.float32)}
    update = Update(0, Examples(queries, np.arange(n), rng.integers(0, rows, n)), candidates)
    learn = learner(model, jit_compile=False).learn
    return lambda: learn(update, 1, BATCH, 0)
