"""A retrieval model of two towers that grows with the stream."""

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec.data.features import TowerFeatures
from tfrec.data.history import History
from tfrec.errors import InputError, require
from tfrec.layers.dropout import StatelessDropout
from tfrec.layers.growing import GrowingTable
from tfrec.layers.text import FrozenText, TrainedText
from tfrec.layers.text_map import ridge
from tfrec.tasks.averaging import mean_per_task
from tfrec.tasks.retrieval import in_batch_softmax


class TwoTower(tfrs.Model):
    """`score(u, i) = <q, c>` with `q = user_u + W sum_h w_h item_h + b` and `c = item_i + V text_i + categories`.

    The sum runs over the user's history; `item` is one table for both towers, so that what is bought again
    scores high from the start. Rows of new items start from their text.

    Args:
        encoder: a `TextEncoder`, or None for a model without texts.
        features: the host side; see `TowerFeatures`.
        dim: length of both towers' vectors.
        dropout: rate on the query vector.
        temperature: divides the scores in the loss.
        new_items: how an item's row starts: `text` (a ridge map fitted on the rows known so far), `mean` (of
            the rows known so far) or `zero`.

    Raises:
        InputError: `new_items` is none of the three, or asks for texts without an encoder.
    """

    def __init__(
        self,
        encoder=None,
        features: TowerFeatures | None = None,
        dim: int = 64,
        dropout: float = 0.0,
        temperature: float = 0.1,
        new_items: str = "text",
        seed: int = 0,
    ) -> None:
        super().__init__()
        require(dim >= 1, f"model.dim is {dim}: choose 1 or more.")
        require(temperature > 0, f"model.temperature is {temperature}: choose above 0.")
        require(0 <= dropout < 1, f"model.dropout is {dropout}: choose from 0 to below 1.")
        if new_items not in ("text", "mean", "zero"):
            raise InputError(f"model.new_items is '{new_items}': choose text, mean or zero.")
        if new_items == "text" and encoder is None:
            raise InputError("model.new_items=text needs an encoder: choose one, or model.new_items=mean.")
        self.features = features or TowerFeatures()
        self.dim, self.temperature, self.new_items, self.seed = dim, temperature, new_items, seed
        self.user_table = GrowingTable(dim, stddev=0, seed=seed, name="user")
        self.item_table = GrowingTable(dim, seed=seed + 1, name="item")
        self.category_tables: dict[str, GrowingTable] = {}
        self.text = None
        initializer = tf.keras.initializers.GlorotUniform(seed)
        if encoder is not None:
            self.text = TrainedText(encoder) if encoder.trainable_weights else FrozenText(encoder)
            self.text_map = tf.keras.layers.Dense(dim, use_bias=False, kernel_initializer=initializer)
            self.text_map.build((None, encoder.dim))
        self.history_map = tf.keras.layers.Dense(dim, kernel_initializer="identity", name="history")
        self.history_map.build((None, dim))
        self.dropout = StatelessDropout(dropout, seed)

    @property
    def tfrs_model(self) -> tfrs.Model:
        """The model that learns: this one."""
        return self

    def grow(self, history: History, items: pd.DataFrame) -> bool:
        """Makes room for what `history` knows; returns whether a table was replaced.

        Args:
            items: the item table, with the texts.
        """
        new_texts = self.features.observe(history, items)
        replaced = [self.user_table.grow(len(history.users)), self.item_table.grow(len(history.items))]
        for name, vocabulary in self.features.categories.items():
            if name not in self.category_tables:
                self.category_tables[name] = GrowingTable(self.dim, stddev=0, capacity=64, name=name)
                replaced.append(True)
            replaced.append(self.category_tables[name].grow(len(vocabulary)))
        if self.text is not None:
            # All texts of the table at once, in few batches; a text's vector does not depend on the stream.
            self.text.prepare(items["text"].tolist())
            replaced.append(self.text.add(new_texts))
        return any(replaced)

    def start_items(self, history: History, first: int) -> None:
        """Sets the item rows `first ..` from the rows before them, as `new_items` says."""
        new = np.arange(first, len(history.items))
        if first == 0 or not len(new):
            return
        known = self.item_table.table.numpy()[:first]
        if self.new_items == "text":
            texts = self.features.candidates(history, np.arange(len(history.items)))["text"]
            vectors = self.text.vectors_of(texts)
            rows = ridge(vectors[:first], known)(vectors[first:])
        elif self.new_items == "mean":
            rows = np.tile(known.mean(0), (len(new), 1))
        else:
            rows = np.zeros((len(new), self.dim))
        self.item_table.assign(first, rows)

    def check_rows(self, batch: dict[str, np.ndarray]) -> None:
        """Raises IndexError if a row of the batch, `[batch, ...]` arrays, is outside of its table."""
        tables = {"user": self.user_table, "item": self.item_table, "history": self.item_table}
        if self.text is not None:
            tables["text"] = self.text.table
        for name, table in (tables | self.category_tables).items():
            lowest, highest = batch[name].min(), batch[name].max()
            if lowest < 0 or highest >= table.rows:
                raise IndexError(f"'{name}' has rows {lowest} to {highest}, but its table has {table.rows} rows.")

    def query_embeddings(self, features, training=False):
        """Query vectors `[n, dim]` of query features (see `TowerFeatures`)."""
        user = self.user_table(features["user"])
        user *= tf.cast(features["user_known"], user.dtype)[:, None]
        history = self.item_table(features["history"])  # [n, length, dim]
        pooled = tf.linalg.matvec(history, tf.cast(features["history_weight"], history.dtype), transpose_a=True)
        return self.dropout(user + self.history_map(pooled), training=training)

    def candidate_embeddings(self, features, training=False):
        """Candidate vectors `[n, dim]` of candidate features (see `TowerFeatures`)."""
        vector = self.item_table(features["item"])
        for name, table in self.category_tables.items():
            vector += table(features[name])
        if self.text is not None:
            vector += self.text_map(self.text(features["text"], training=training))
        return vector

    def call(self, features, training=False):
        """Vectors of both towers: `query` and `candidate`, `[batch, dim]`."""
        return {
            "query": self.query_embeddings(features, training),
            "candidate": self.candidate_embeddings(features, training),
        }

    def task_losses(self, outputs, features) -> dict[str, tf.Tensor]:
        """Loss of each row for each task, `[batch]`."""
        loss = in_batch_softmax(
            outputs["query"], outputs["candidate"], features["item"], features["log_q"], self.temperature
        )
        return {"retrieval": loss}

    def compute_loss(self, features, training=False):
        """Mean loss of the batch, summed over tasks: what TFRS's training step asks for."""
        losses = self.task_losses(self(features, training=training), features)
        return tf.add_n([*mean_per_task(losses).values()])
