"""Exact ranking of the whole catalogue for every request of a period, in blocks of bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec.data.history import History, own_rows
from tfrec.data.requests import Requests
from tfrec.errors import InputError, require
from tfrec.metrics import ranking
from tfrec.metrics.counting import count_ahead

VIEWS = ("all", "repeat", "novel")


class LeakError(RuntimeError):
    """An artefact has seen events that are not earlier than those it is asked to predict."""


@dataclass(frozen=True)
class Truth:
    """What the requests of one period led to, and what their users had bought before.

    Requests stand in the order of how much their users bought before, so that a block's rows are of similar length.

    Args:
        requests: who asks, and for what.
        targets: per request the item rows bought in the period, -1 for an item not in the catalogue.
        bought: per request the item rows that its user bought before the period.
    """

    requests: Requests
    targets: list[np.ndarray]
    bought: list[np.ndarray]

    @classmethod
    def of(cls, events: pd.DataFrame, history: History) -> "Truth":
        """The truth of a period, given the history before it.

        Raises:
            LeakError: the history has already seen the period.
        """
        refuse_future(history, events, "the history")
        requests, number = Requests.of(events, history)
        # An item is one target of a request, however often it was bought: hits above the ideal would be counted.
        once = ~pd.DataFrame({"request": number, "item": events["item"].to_numpy()}).duplicated().to_numpy()
        number, items = number[once], history.items.rows(events["item"][once])
        order = np.argsort(number, kind="stable")
        targets = np.split(items[order], np.cumsum(np.bincount(number))[:-1])
        own = own_rows(history.frequency(), requests.users)
        bought = np.split(own.indices, own.indptr[1:-1])
        by_size = np.argsort([len(row) for row in bought], kind="stable")
        return cls(requests.take(by_size), [targets[u] for u in by_size], [bought[u] for u in by_size])

    @property
    def users(self) -> np.ndarray:
        """`[requests]`, rows in the history's vocabulary, -1 for a user never seen."""
        return self.requests.users

    @property
    def slices(self) -> dict[str, np.ndarray]:
        """Which requests are searches and which are not, `[requests]` bool each; empty for a log without queries."""
        if self.requests.queries is None:
            return {}
        search = self.requests.queries != ""
        return {"search": search, "recommendation": ~search}


def refuse_future(artefact, events: pd.DataFrame, name: str) -> None:
    """Raises LeakError unless all that `artefact` has seen is of periods, and times, before those of `events`.

    Args:
        artefact: has `newest`, the time of the newest event seen (None at first), and `last_period`, its period.
    """
    period = events["period"].iloc[0]
    if artefact.last_period >= period or (artefact.newest or pd.Timestamp.min) > events["timestamp"].iloc[0]:
        raise LeakError(
            f"{name} has seen events of period {artefact.last_period}, up to {artefact.newest}: it cannot be scored "
            f"on period {period}."
        )


class Evaluator:
    """Scores a ranking of the whole catalogue on the views all, repeat and novel.

    Args:
        metrics: names `<metric>@<k>`, with a metric of `tfrec.metrics.ranking`.
        ties: `row` (the lower row, that is the item seen first, wins) or `expected` (mean over all orders of
            equal scores: a constant model then scores like a random one).
        block: users ranked at once; memory is about `block * catalogue * 12` bytes.

    Raises:
        InputError: an unknown metric or tie rule.
    """

    def __init__(self, metrics=("ndcg@10", "recall@10", "recall@100"), ties: str = "row", block: int = 64):
        if ties not in ("row", "expected"):
            raise InputError(f"evaluate.ties is '{ties}': choose row or expected.")
        require(not isinstance(metrics, str) and len(metrics) > 0, f"evaluate.metrics is '{metrics}': write a list.")
        self.metrics = {name: _metric(name) for name in metrics}
        self.depth = max(k for _, k in self.metrics.values())
        self.ties, self.block = ties, block

    def __call__(self, scores: Callable[[slice], np.ndarray], truth: Truth) -> dict[str, np.ndarray]:
        """Values per request, keyed `<view>/<metric>@<k>`, each `[requests]`; NaN where the view has no target.

        Args:
            scores: gives, for a slice of `truth.requests`, scores `[block, catalogue]`.
        """
        blocks = range(0, len(truth.users), self.block)
        ranks = [self._rank_block(scores, truth, start) for start in blocks]
        pair, item, repeat, ahead_old, ahead_new, tied_old, tied_new = map(np.concatenate, zip(*ranks, strict=True))
        ahead = {"all": ahead_old + ahead_new, "repeat": ahead_old, "novel": ahead_new}
        tied = {"all": tied_old + tied_new, "repeat": tied_old, "novel": tied_new}
        keep = {"all": np.ones(len(pair), bool), "repeat": repeat, "novel": ~repeat}
        result = {}
        for view in VIEWS:
            chosen = keep[view]
            sizes = np.bincount(pair[chosen], minlength=len(truth.users))
            lost = np.where(item[chosen] < 0, np.inf, ahead[view][chosen])
            ranks_of_view = ranking.Ranks(pair[chosen], lost, tied[view][chosen], np.maximum(sizes, 1))
            for name, (metric, k) in self.metrics.items():
                result[f"{view}/{name}"] = np.where(sizes > 0, metric(ranks_of_view, k), np.nan)
        return result

    def _rank_block(self, scores, truth: Truth, start: int) -> tuple[np.ndarray, ...]:
        block = slice(start, start + self.block)
        user, item = flat(truth.targets[block])
        bought = padded(truth.bought[block])
        table = tf.convert_to_tensor(scores(block))
        repeat = (item[:, None] == bought[user]).any(axis=1) & (item >= 0)
        # A scorer may be older than the catalogue: what it cannot rank is a miss, and is ahead of nothing.
        item = np.where(item < table.shape[1], item, -1)
        known = np.where(bought < table.shape[1], bought, -1)
        require(
            bool(tf.reduce_all(tf.math.is_finite(table))),
            "A scorer gave scores that are NaN or infinite, so nothing can be ranked: a model has diverged; lower "
            "optimizer.learning_rate or raise model.temperature.",
        )
        counts = count_ahead(table, known, user, item, self.depth, self.ties == "expected")
        return start + user, item, repeat, *(count.numpy() for count in counts)


def _metric(name: str):
    kind, _, k = name.partition("@")
    known = ("ndcg", "recall", "capped_recall")
    if kind not in known or not k.isdigit() or int(k) < 1:
        raise InputError(f"evaluate.metrics has '{name}': write one of {', '.join(known)} and a depth: ndcg@10.")
    return getattr(ranking, kind), int(k)


def flat(rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Lists of rows as two arrays `[entries]`, int32: the list that an entry is in, and the entry."""
    owner = np.repeat(np.arange(len(rows), dtype=np.int32), [len(row) for row in rows])
    return owner, np.concatenate(rows).astype(np.int32)


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Lists of rows as one matrix `[len(rows), longest]`, int32, filled with -1."""
    sizes = np.array([len(row) for row in rows])
    table = np.full((len(rows), max(1, sizes.max())), -1, np.int32)
    table[np.arange(table.shape[1]) < sizes[:, None]] = np.concatenate(rows)
    return table
