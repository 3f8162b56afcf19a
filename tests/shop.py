"""A small shop with all that a log can have: searches, labels known late, items that change, users with attributes."""

import numpy as np
import pandas as pd
import tensorflow as tf
import tf_keras

from tfrec.data.features import TowerFeatures
from tfrec.data.interactions import validated
from tfrec.data.rows import Rows
from tfrec.data.steps.bucket import Bucket
from tfrec.data.steps.clean_text import CleanText
from tfrec.data.steps.price import Price
from tfrec.data.stream import Stream
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.models.two_tower import TwoTower

START = pd.Timestamp("2024-01-01")


def make_shop(days=42, per_day=15, seed=0, late=True):
    """Items come and go: of 40, those within reach move on by day, so that rows expire and are used again."""
    rng = np.random.default_rng(seed)
    rows = days * per_day
    day = np.repeat(np.arange(days), per_day)
    events = pd.DataFrame({"user": rng.integers(0, 10, rows) + day // 14 * 3})
    events["item"] = rng.integers(0, 14, rows) + day * 26 // days
    events["timestamp"] = START + pd.to_timedelta(day * 86_400 + np.sort(rng.integers(0, 86_400, rows)), unit="s")
    events = events.sort_values("timestamp", kind="stable", ignore_index=True)
    words = np.array(["", "", "Tea", "tea", "<b>nut</b>", "oat & rye"], object)
    events["query"] = np.where(rng.random(rows) < 0.1, [f"Day {d}" for d in day], words[rng.integers(0, 6, rows)])
    events["paid"] = rng.lognormal(1, 0.5, rows)
    events["click"] = (rng.random(rows) < 0.9).astype(int)
    if late:
        events["known"] = events["timestamp"] + pd.to_timedelta(rng.choice([0, 2, 10, 20], rows), unit="D")
    items = pd.DataFrame({"text": [f"Thing {i % 25}" for i in range(40)]})
    items["category"] = [f"kind {i % 4}" for i in range(40)]
    items["price"] = np.where(np.arange(40) % 9 == 8, np.nan, rng.lognormal(1, 0.5, 40))
    when = START + pd.to_timedelta(np.sort(rng.integers(0, days * 86_400, 30)), unit="s")
    changes = pd.DataFrame({"item": rng.integers(0, 40, 30), "timestamp": when})
    changes["text"] = np.where(rng.random(30) < 0.5, [f"New {i}" for i in range(30)], None)
    changes["price"] = np.where(rng.random(30) < 0.5, rng.lognormal(1, 0.5, 30), np.nan)
    events["quantity"] = rng.integers(1, 4, rows)
    users = pd.DataFrame({"age": [f"age {i % 3}" for i in range(16)], "income": rng.normal(size=16)})
    return validated(events, items, "toy shop", changes=changes, users=users)


class Letters:
    """A text encoder that trains nothing: the sum over letters of waves at the letter's code."""

    dim, max_length, pad_id, trainable_weights = 6, 16, 0, ()

    def fingerprint(self):
        return "letters"

    def tokenize(self, texts):
        return np.array([[*map(ord, text.ljust(self.max_length, "\0")[: self.max_length])] for text in texts], np.int32)

    def __call__(self, tokens, training=False):
        place = tf.range(1, tf.shape(tokens)[1] + 1)[:, None] * tf.range(1, self.dim + 1)
        return tf.reduce_sum(tf.sin(tf.cast(tokens[:, :, None] * place, tf.float32)), axis=1)


def make_model(**options):
    features = TowerFeatures(6, context=["age", "income", "paid_relative", "paid_bucket"], numbers=["price_relative"])
    rows = {"item_rows": Rows(2, 2, 3), "user_rows": Rows(1, 2, 1)}
    options = {"encoder": Letters(), "features": features, "dim": 4, "dropout": 0.2, "seed": 3} | rows | options
    return TwoTower(**options)


def make_steps():
    """Two that learn and one that does not."""
    price = {"column": "price", "items": "category"}
    paid = {"column": "paid", "items": None, "events": "item"}
    return [CleanText(), Price(**price), Price(**paid), Bucket(["price_relative"], ["paid"], buckets=3)]


def make_state(interactions, model=None, baselines=None, strategies=(), optimizer=None, steps=None, **stream):
    stream = Stream(interactions, **{"period": "7D"} | stream)
    model = model or make_model()
    learner = Learner(model, optimizer or tf_keras.optimizers.Adam(0.05), strategies)
    steps = make_steps() if steps is None else steps
    return StreamState(stream, model, learner, baselines or {}, steps, seed=5)
