"""Product ids, written code by code."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec.baselines.own_items import above, popularity_below_one
from tfrec.data.features import TowerFeatures
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require
from tfrec.generative.beam import NEVER
from tfrec.generative.id_model import NEEDS, IdModel
from tfrec.generative.search import Search
from tfrec.generative.semantic_ids import SemanticIds
from tfrec.layers.text import FrozenText
from tfrec.models.stream_model import StreamModel
from tfrec.tasks.averaging import mean_per_task


class Generative(StreamModel, tfrs.Model):
    """An encoder reads the query and the history, a decoder writes the codes of the item's semantic id (TIGER, Rajput
    et al., NeurIPS 2023; DSI, Tay et al., NeurIPS 2022).

    `loss = -1/L sum_l log P(code_l | codes before, request)`, and with `indexing` that much of the same loss for
    the item's own text in the place of the query, without a history. A beam search over the known ids gives the best
    `beam` items, in the order of log P; all others follow by popularity.

    Args:
        encoder: a `TextEncoder` that is not trained.
        ids: see `SemanticIds`.
        features: the host side; see `TowerFeatures`.
        dim, blocks, heads, dropout: of the transformers; see `IdModel`.
        indexing: weight of the indexing task.
        beam: ids that are kept at each place, and so items that are found.
        window: periods of the popularity of what is not found.

    Raises:
        InputError: there is no encoder, or it trains; a number out of its range.
    """

    def __init__(
        self,
        encoder=None,
        ids: SemanticIds | None = None,
        features: TowerFeatures | None = None,
        dim: int = 64,
        blocks: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        indexing: float = 1.0,
        beam: int = 20,
        window: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        require(
            encoder is not None,
            "model=generative makes ids of the items' texts, but encoder=none reads none: choose encoder=minilm.",
        )
        require(
            not encoder.trainable_weights,
            "model=generative makes ids of text vectors that do not move, but peft moves them: choose peft=frozen.",
        )
        require(dim >= 1 and heads >= 1 and dim % heads == 0, f"model.heads={heads} must divide model.dim={dim}.")
        for key, value in {"blocks": blocks, "beam": beam, "window": window}.items():
            require(value >= 1, f"model.{key} is {value}: choose 1 or more.")
        require(0 <= dropout < 1, f"model.dropout is {dropout}: choose from 0 to below 1.")
        require(indexing >= 0, f"model.indexing is {indexing}: choose 0 or more.")
        self.features, self.ids = features or TowerFeatures(20), ids or SemanticIds(seed=seed)
        require(
            not (self.features.context or self.features.numbers),
            "model=generative reads queries and histories alone: leave model.features.context and .numbers empty.",
        )
        self.features.asked |= set(NEEDS)
        self.ids.start(encoder.dim)
        self.text, self.text_dim = FrozenText(encoder), encoder.dim
        self.id_model = IdModel(self.ids.sizes, dim, blocks, heads, dropout, seed)
        self.indexing, self.beam, self.window = indexing, beam, window
        if indexing:
            self.id_model.read_texts(encoder.dim)
        self._search = Search(self.ids, self._encoded, self.id_model.next_log_p, beam)

    @property
    def found(self) -> int:
        """Items of a request that the model orders itself."""
        return self.beam

    def grow(self, history: History, items: pd.DataFrame, changed: Sequence = ()) -> bool:
        """Makes room for new texts, and once the ids are fitted gives ids to new items; see `StreamModel`."""
        new_texts = self.features.observe(history, items, changed)
        replaced = [self.text.prepare(items["text"].tolist()), self.text.add(new_texts)]
        if self.ids.fitted:
            replaced.append(self.ids.add(self._texts_of(history, np.arange(self.ids.table.rows, history.shape[1]))))
        return any(replaced)

    def admit(self, requests: Requests) -> bool:
        """Makes room for the query texts of requests; see `StreamModel`."""
        new_texts = self.features.admit(requests)
        replaced = [self.text.add(new_texts)]
        if self.features.searches and self.id_model.query_map is None:
            self.id_model.read_texts(self.text_dim)
            replaced.append(True)
        return any(replaced)

    def base_known(self, history: History) -> None:
        """Fits the ids to the items of the base; see `StreamModel`."""
        require(
            self.features.history_length > 0 or self.features.searches,
            "model.features.history_length is 0 and the events have no query, so model=generative has nothing to read: "
            "choose model.features.history_length=20, or data with queries (data=simulator).",
        )
        vectors = self._texts_of(history, np.arange(history.shape[1]))
        self.ids.fit(vectors)
        self.ids.add(vectors)

    def _texts_of(self, history: History, items: np.ndarray) -> np.ndarray:
        return self.text.vectors_of(self.features.candidates(history, items)["text"])

    def counts(self) -> dict[str, int]:
        """How many items have an id, how many of these share the codes of their text with an earlier item, and how many
        the whole id."""
        shared = int((self.ids.all[:, -1] > 0).sum())
        return {"ids/known": self.ids.table.rows, "ids/shared": shared, "ids/hidden": int(self.ids.hidden.sum())}

    def table_rows(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The features, whose rows are checked; see `StreamModel`."""
        self.ids.require_fitted()
        tables = {"item": self.ids.table, "history": self.ids.table}
        tables |= {"text": self.text.table, "query_text": self.text.table}
        for name, table in tables.items():
            if name in features:
                table.check(name, features[name], lowest=-1 if name == "query_text" else 0)
        return features

    def call(self, features, training=False):
        """`log_p` `[batch, places]` of the codes of each item; with `indexing` also `index_log_p`."""
        ids = self.ids(features["item"])[:, None]
        found = {"log_p": self.id_model.code_log_p(ids, *self._encoded(features, training), training)[:, 0]}
        if self.indexing and training:
            memory = self.id_model.encode({}, self.text(features["text"]), training=training)
            found["index_log_p"] = self.id_model.code_log_p(ids, *memory, training)[:, 0]
        return found

    def _encoded(self, features, training=False):
        text = history = None
        if self.id_model.query_map is not None:
            row = features.get("query_text", -tf.ones_like(features["user"]))
            text = self.text(tf.maximum(row, 0)) * tf.cast(row >= 0, self.compute_dtype)[:, None]
        if "history" in features:
            history = self.ids(features["history"])
        return self.id_model.encode(features, text, history, training)

    def task_losses(self, outputs, features, training=True) -> dict[str, tf.Tensor]:
        """Loss of each row for each task, `[batch]`."""
        losses = {"generation": -tf.reduce_mean(outputs["log_p"], axis=1)}
        if "index_log_p" in outputs:
            losses["indexing"] = -self.indexing * tf.reduce_mean(outputs["index_log_p"], axis=1)
        return losses

    def compute_loss(self, features, training=False):
        """Mean loss of the batch, summed over tasks: what TFRS's training step asks for."""
        losses = self.task_losses(self(features, training=training), features)
        return tf.add_n([*mean_per_task(losses).values()])

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`; what the beam finds is above all
        others."""
        fill = popularity_below_one(history, self.window)
        features = self.features.users(history, requests) | self.features.past(history, requests)
        items, log_p = self.best(features)
        real = log_p > NEVER
        return above(fill, items[real], log_p[real], real.sum(axis=1))

    def best(self, features: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Item rows, the most probable first, and their log P, `[n, up to beam]` each; `NEVER` is no item.

        Args:
            features: of `n` requests, see `TowerFeatures`.
        """
        return self._search(self.table_rows(features), self.variables)
