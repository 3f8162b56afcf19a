"""Candidates of several sources, put in order by a tower that learns from lists."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec.baselines.own_items import above, popularity_below_one
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.truth import Truth
from tfrec.errors import InputError, require
from tfrec.memories.before import BEFORE
from tfrec.models.choices import Choices
from tfrec.models.stream_model import StreamModel
from tfrec.ranking.list_features import ListFeatures
from tfrec.slots import Same
from tfrec.tasks.averaging import mean_per_task

BLOCK = 64  # requests whose lists are scored at once


class TwoStage(StreamModel, tfrs.Model):
    """A first stage proposes candidates of a request, a ranking tower puts them in order; all others follow by
    popularity.

    What is learned from a period are its lists as they were before it, with what was bought then. Numbers of pairs are
    standardised by what was learned from so far.

    Args:
        features: the host side, with the first stage; see `ListFeatures`.
        tower: a layer of `tfrec.layers.ranking`.
        loss: of `tfrec.tasks.ranking`.
        base_periods: the last periods of the base whose lists are learned; the others only fill the history. None: all.
        novel: weight of the same loss of the candidates that the user never bought, among themselves: below own items,
            they have little part in the first places of the whole list.

    Raises:
        InputError: there is no first stage, or the loss is none of lists.
    """

    def __init__(
        self, features: ListFeatures | None, tower, loss, base_periods: int | None = None, novel: float = 0.0
    ) -> None:
        super().__init__()
        if features is None:
            raise InputError("model=two_stage has no model.features, and so no first stage: give it candidates.")
        if getattr(loss, "task", None) != "ranking":
            raise InputError(
                f"model/loss is {type(loss).__name__}, a loss of retrieval, but model=two_stage learns from lists: "
                "choose model/loss=lambda_rank, listwise, pairwise or pointwise."
            )
        require(
            "history" not in tower.needs or features.towers.history_length > 0,
            f"model/tower is {type(tower).__name__}, which reads the history, but "
            "model.features.towers.history_length is 0: choose 1 or more, or another tower.",
        )
        require(
            base_periods is None or base_periods >= 1,
            f"model.base_periods is {base_periods}: choose 1 or more periods, or null for all of the base.",
        )
        require(novel >= 0, f"model.novel is {novel}: choose 0 or more.")
        self.features, self.tower, self.loss_of_lists, self.base_periods = features, tower, loss, base_periods
        self.novel = novel
        self.rows_per_example = features.length
        self._traced_for: Same | None = None
        self._known = (0, 0)  # users and items

    def begin(self, items: pd.DataFrame) -> None:
        """Lists have a number for each category of the item table from the first period on."""
        self.features.items = items
        self.features.candidates_of.know(items)

    def grow(self, history: History, items: pd.DataFrame, changed: Sequence = ()) -> bool:
        """Makes room for new users and items; see `StreamModel`."""
        self.features.observe(history, items, changed)
        self._known = history.shape
        return self.tower.grow(*history.shape)

    def start(self, state) -> None:
        """The end of the base: sources that are fitted every so many periods start to count."""
        self.features.candidates_of.start(state)

    def examples(self, period: int, pairs: dict, queries: dict) -> tuple[dict, dict]:
        """One example a request; see `StreamModel`."""
        return self.features.examples(period, pairs, queries)

    def batch(self, features: dict[str, np.ndarray], replicas: int = 1, learning: bool = True) -> dict[str, np.ndarray]:
        """A batch with its numbers standardised; see `StreamModel`."""
        return self.table_rows(features | {"list_pairs": self.features.moments(features["list_pairs"])})

    def table_rows(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The features, whose ids are checked; they are rows of the tower's tables by their numbers."""
        users, items = self._known
        for name, rows in {"user": users, "list_item": items, "history": items}.items():
            if name in features and len(features[name]) and features[name].max() >= max(1, rows):
                raise IndexError(f"'{name}' has row {features[name].max()}, but only {rows} are known.")
        return features

    def call(self, features, training=False):
        """Scores of lists, `logits/ranking` `[batch, width]`; of an ensemble also each tower's, `logits/towers`."""
        known = {key: values for key, values in features.items() if not key.startswith("list_")}
        known |= {"item": features["list_item"], "pairs": features["list_pairs"]}
        logits = tf.cast(self.tower(known, training=training), tf.float32)
        if logits.shape.rank == 2:
            return {"logits/ranking": logits}
        return {"logits/ranking": tf.reduce_mean(logits, axis=2), "logits/towers": logits}

    def task_losses(self, outputs, features, training=True) -> dict[str, tf.Tensor]:
        """Loss of each list, `[batch]`: the mean of its towers' own; and `novel`, of what was never bought in it."""
        labels, mask = features["list_label"], features["list_mask"]
        towers = tf.unstack(outputs.get("logits/towers", outputs["logits/ranking"][..., None]), axis=2)

        def mean(mask):
            return tf.add_n([self.loss_of_lists(logits, labels, mask) for logits in towers]) / len(towers)

        if not self.novel:
            return {"ranking": mean(mask)}
        return {"ranking": mean(mask), "novel": self.novel * mean(mask * features["list_novel"])}

    def compute_loss(self, features, training=False):
        """Mean loss of the batch: what TFRS's training step asks for."""
        losses = self.task_losses(self(features, training=training), features)
        return tf.add_n([*mean_per_task(losses).values()])

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`; candidates are above all others."""
        fill = popularity_below_one(history, self.features.candidates_of.window)
        known = self.features.users(history, requests) | self.features.past(history, requests)
        size, item = known["list_size"], known["list_item"]
        there = np.arange(item.shape[1]) < size[:, None]
        return above(fill, item[there], self._logits(known)[there], size)

    def before(self, queries: dict[str, np.ndarray], candidates: dict[str, np.ndarray] | None) -> tuple[dict, dict]:
        """Scores of lists, `[rows, length]`; see `StreamModel`."""
        return {"logits/ranking": self._logits({k: v for k, v in queries.items() if not k.startswith(BEFORE)})}, {}

    def choices(self, outputs: dict, features: dict) -> Choices:
        """Each row chose from its list; see `StreamModel`."""
        return Choices(outputs["logits/ranking"], features["list_label"], features["list_mask"])

    def squared_change(self, outputs: dict, then: dict, features: dict, when):
        """Mean over the candidates of the lists that have outputs of then; see `StreamModel`."""
        marked = features["list_mask"] * tf.cast(when > 0, tf.float32)[:, None]
        change = tf.square(outputs["logits/ranking"] - then["logits/ranking"])
        return tf.reduce_sum(change * marked) / tf.maximum(tf.reduce_sum(marked), 1.0)

    def _logits(self, known: dict[str, np.ndarray]) -> np.ndarray:
        """Scores `[n, width]` in blocks of one graph."""
        if self._traced_for is None or not self._traced_for(self.variables):
            self._scored = tf.function(lambda features: self(features)["logits/ranking"], reduce_retracing=True)
            self._traced_for = Same(self.variables)
        parts = [np.zeros((0, known["list_item"].shape[1]), np.float32)]
        for start in range(0, len(known["list_item"]), BLOCK):
            part = {key: values[start : start + BLOCK] for key, values in known.items()}
            part["list_pairs"] = self.features.moments(part["list_pairs"])
            parts.append(self._scored({key: tf.convert_to_tensor(values) for key, values in part.items()}).numpy())
        return np.concatenate(parts)

    def first_stage(self, history: History, truth: Truth, k: int = 10) -> tuple[dict[str, np.ndarray], dict]:
        """What the first stage leaves to be won: by view, `[requests]` each, and of the period as a whole.

        `candidate_recall` is the share of a request's targets among its candidates, `oracle_ndcg@k` the NDCG of a
        list that has those targets first; `candidates` is the mean length of a list, `covered_rows` the share of all
        targets of the period that are candidates.
        """
        known = self.features.past(history, truth.requests)
        values = {f"{v}/{m}": [] for v in ("all", "repeat", "novel") for m in ("candidate_recall", f"oracle_ndcg@{k}")}
        gain = np.cumsum(1 / np.log2(2 + np.arange(k)))
        hits = rows = 0
        for items, size, targets, bought in zip(
            known["list_item"], known["list_size"], truth.targets, truth.bought, strict=True
        ):
            found, again = np.isin(targets, items[:size]), np.isin(targets, bought)
            hits, rows = hits + found.sum(), rows + len(targets)
            for view, inside in {"all": np.ones(len(targets), bool), "repeat": again, "novel": ~again}.items():
                total, proposed = int(inside.sum()), int((inside & found).sum())
                oracle = gain[min(k, proposed) - 1] / gain[min(k, total) - 1] if proposed else 0.0
                values[f"{view}/candidate_recall"].append(proposed / total if total else np.nan)
                values[f"{view}/oracle_ndcg@{k}"].append(oracle if total else np.nan)
        totals = {"all/candidates": float(known["list_size"].mean()), "all/covered_rows": hits / max(1, rows)}
        return {name: np.array(column) for name, column in values.items()}, totals
