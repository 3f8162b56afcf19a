"""A retrieval model of two towers that grows with the stream."""

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec.data.distinct import distinct_candidates
from tfrec.data.features import TowerFeatures
from tfrec.data.rows import Rows
from tfrec.layers.category import CategorySum
from tfrec.layers.dropout import StatelessDropout
from tfrec.layers.fusion.sum import Sum
from tfrec.layers.history.mean import Mean
from tfrec.layers.id_table import IdTable
from tfrec.layers.text import FrozenText
from tfrec.layers.trained_text import TrainedText
from tfrec.memories.before import BEFORE
from tfrec.models.candidate import CandidateTower
from tfrec.models.parts import require_layers, require_options, require_repeat, require_texts
from tfrec.models.stream_model import StreamModel
from tfrec.models.tower_outputs import TowerOutputs
from tfrec.models.tower_rows import TowerRows, row_of
from tfrec.replicas import gathered, share
from tfrec.tasks.averaging import mean_per_task
from tfrec.tasks.loss import InBatchSoftmax, RetrievalLoss
from tfrec.tasks.retrieval import first_of_each


class TwoTower(TowerRows, TowerOutputs, StreamModel, tfrs.Model):
    """`score(r, i) = <q, c>` with `q = user + W sum_h w_h item_h + b + U text(query) + context` and
    `c = fusion(item_i, categories, V text_i, numbers)`, by default their sum; see `CandidateTower`.

    The sum of q runs over the user's history; `item` is one table for both towers, so that what is bought again
    scores high from the start. Queries and items share the text encoder, and U starts as V, so that a query is
    near the items that its words describe. Rows of new items start from their text. Without ids of items, a history
    is of its items' texts: `V text_h` in the place of `item_h`.

    Args:
        encoder: a `TextEncoder`, or None for a model without texts.
        features: the host side; see `TowerFeatures`.
        item_rows, user_rows: which ids have a row of their own (all, if not given); see `Rows`.
        dim: length of both towers' vectors.
        dropout: rate on the query vector.
        loss: a loss of retrieval; in-batch softmax, if not given. (Its attribute is `retrieval_loss`, as Keras has
            another `loss`.)
        new_items: how an item's row starts: `text` (a ridge map fitted on the rows known so far), `neighbours` (the
            mean of the rows of the items whose texts are nearest), `mean` (of the rows known so far) or `zero`.
        history: how a history becomes a vector, a layer of `tfrec.layers.history`; None is the mean.
        fusion: how a candidate's parts become a vector, a layer of `tfrec.layers.fusion`; None is the sum.
        ids: whether items have vectors of their own.
        id_dropout: rate at which an item's own vector is left out in training.
        repeat: how scores become those of buying again or exploring, a layer of `tfrec.layers.repeat`; None: not.

    Raises:
        InputError: `new_items` is none of the four; `loss` is of another task; parts do not go together.
    """

    def __init__(
        self,
        encoder=None,
        features: TowerFeatures | None = None,
        item_rows: Rows | None = None,
        user_rows: Rows | None = None,
        dim: int = 64,
        dropout: float = 0.0,
        loss: RetrievalLoss | None = None,
        new_items: str = "text",
        seed: int = 0,
        history=None,
        fusion=None,
        ids: bool = True,
        id_dropout: float = 0.0,
        repeat=None,
    ) -> None:
        super().__init__()
        features = features or TowerFeatures()
        require_options(dim, dropout, id_dropout, new_items)
        require_texts(encoder, ids, new_items, features.history_length)
        require_layers(loss, history, features.history_length, fusion, ids, id_dropout)
        self.retrieval_loss, self.repeat = loss or InBatchSoftmax(), repeat or None  # model/repeat=none is empty
        self.losses_of_rows = self.repeat is None
        require_repeat(self.repeat, self.retrieval_loss)
        self.retrieval_loss.start(dim)
        self.features, self.dim, self.new_items, self.seed = features, dim, new_items, seed
        self.user_table = IdTable(dim, user_rows, stddev=0, seed=seed, name="user")
        self.item_table = IdTable(dim, item_rows, seed=seed + 1, name="item") if ids else None
        self.categories = CategorySum(dim, "category/", name="categories")
        self.context = CategorySum(dim, "context/", name="context")
        self.text = self.text_map = self.numbers_map = self.query_map = self.context_map = None
        if encoder is not None:
            self.text = TrainedText(encoder) if encoder.trainable_weights else FrozenText(encoder)
            self.text_map = self._dense(encoder.dim, tf.keras.initializers.GlorotUniform(seed), "text_map")
        self.history_map = None
        if features.history_length:
            self.history_map = history or Mean(name="history")
            self.history_map.build((None, None, dim))
            features.asked |= set(self.history_map.needs) | (set() if ids else {"history_text"})
        if features.numbers:
            self.numbers_map = self._dense(len(features.numbers), "zeros", "numbers")
        fusion = fusion or Sum(name="fusion")
        parts = self.item_table, self.categories, self.text, self.text_map, self.numbers_map
        self.candidate = CandidateTower(*parts, fusion, id_dropout, seed + 2)
        features.asked |= set(fusion.needs)
        features.own_lists = None if self.repeat is None else self.repeat.lists
        self.dropout = StatelessDropout(dropout, seed)

    def query_embeddings(self, features, training=False):
        """Query vectors `[n, dim]` of query features (see `TowerFeatures`)."""
        user = self.user_table(row_of(features, "user"))
        user *= tf.cast(features["user_known"], user.dtype)[:, None]
        if self.history_map is not None:
            user += self.history_map(self._history(features, training), features, training=training)
        vector = self.context(user, features)
        if self.context_map is not None:
            vector += self.context_map(features["context_numbers"])
        if self.query_map is not None:
            asked = self.text.of(features, "query_text", training)
            given = tf.cast(features["query_text"] >= 0, asked.dtype)
            vector += self.query_map(asked * given[:, None])
        return self.dropout(vector, training=training)

    @property
    def statistics(self) -> tuple:
        """See `StreamModel`."""
        beside = self.text.encoder.statistics() if isinstance(self.text, TrainedText) else ()
        return *self.retrieval_loss.kept, *self.merged, *beside

    @property
    def merged(self) -> tuple:
        """See `StreamModel`."""
        return tuple(self.text.encoder.merged()) if isinstance(self.text, TrainedText) else ()

    def start_anew(self) -> None:
        """See `StreamModel`."""
        self.retrieval_loss.start_anew()

    def candidate_embeddings(self, features, training=False):
        """Candidate vectors `[n, dim]` of candidate features (see `TowerFeatures`)."""
        return self.candidate(features, training=training)

    def _history(self, features, training):
        """Vectors of a history's items, `[n, length, dim]`."""
        if self.item_table is not None:
            return self.item_table(row_of(features, "history"))
        return self.text_map(self.text(features["history_text"], training=training))

    def batch(self, features: dict[str, np.ndarray], replicas: int = 1, learning: bool = True) -> dict[str, np.ndarray]:
        """A batch to learn from, each item and text once, and what the loss adds; see `distinct_candidates`."""
        of_items = {"item", "text", "numbers", "log_q", *self.categories.tables, *self.candidate.fusion.needs}
        of_items.add(f"{BEFORE}candidate")
        features = {key: values for key, values in features.items() if key != "repeat/popularity"}  # of scores alone
        distinct = distinct_candidates(features, of_items, replicas)
        if self.repeat is not None:
            distinct = self.repeat.batch(distinct, replicas)
        batch = self.table_rows(self.retrieval_loss.candidates(distinct, self.features, replicas, learning))
        return batch if self.text is None else self.text.batch(batch, replicas)

    def examples(self, period: int, pairs: dict, queries: dict) -> tuple[dict, dict]:
        """Each event one example, with whether it is a repeat where that is learned; see `StreamModel`."""
        return (pairs, queries) if self.repeat is None else self.repeat.lists.examples(pairs, queries)

    def scores(self, products, asked: dict, candidates: dict):
        """The towers' products, or what `repeat` makes of them; see `StreamModel`."""
        if self.repeat is None:
            return products
        temperature = self.retrieval_loss.temperature
        return self.repeat.scores(lambda block: products(block) / temperature, asked, candidates)

    def call(self, features, training=False):
        """Vectors of both towers: `query` `[batch, dim]` and `candidate` `[candidates, dim]`, of all replicas.

        Of a batch that learns what is bought again, also what `repeat` says of it.
        """
        outputs = {
            "query": self.query_embeddings(features, training),
            "candidate": gathered(self.candidate_embeddings(features, training)),
        }
        return outputs | (self.repeat(features, training=training) if "repeat/label" in features else {})

    def task_losses(self, outputs, features, training=True) -> dict[str, tf.Tensor]:
        """Loss of each row for each task, `[batch]`; candidates may be one a row, or each item once (`batch`)."""
        if "label" not in features:
            label, count = first_of_each(gathered(features["item"]))
            features = features | share({"label": label, "count": count})
        loss = self.retrieval_loss.of_batch(outputs, features, training)
        if "repeat/label" not in features:
            return {"retrieval": loss}
        explored = {"retrieval": loss * features["repeat/novel"]}
        return explored | self.repeat.row_losses(outputs, features)

    def compute_loss(self, features, training=False):
        """Mean loss of the batch, summed over tasks: what TFRS's training step asks for."""
        losses = self.task_losses(self(features, training=training), features, training)
        return tf.add_n([*mean_per_task(losses).values()])

    def _dense(self, inputs: int, start, name: str):
        layer = tf.keras.layers.Dense(self.dim, use_bias=False, kernel_initializer=start, name=name)
        layer.build((None, inputs))
        return layer
