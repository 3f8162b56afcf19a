"""Exact ranking of the whole catalogue for every request of a period, in blocks of bounded memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfrec.best_lists import KINDS, BestLists
from tfrec.data.truth import Truth, flat, padded
from tfrec.errors import InputError, require
from tfrec.metrics import ranking, sampling
from tfrec.metrics.counting import count_ahead, count_all_ahead

VIEWS = ("all", "repeat", "novel")


@dataclass(frozen=True)
class Placed:
    """Where every target stands: `[targets]` each, the last two by view.

    Args:
        request: that asks for the target. repeat: whether its user bought it before.
        ahead, tied: see `tfrec.metrics.ranking.Ranks`.
    """

    request: np.ndarray
    repeat: np.ndarray
    ahead: dict[str, np.ndarray]
    tied: dict[str, np.ndarray]


class Evaluator:
    """Scores a ranking of the whole catalogue on the views all, repeat and novel, and on slices of the targets.

    A depth larger than the catalogue takes all of it: `recall@k` is then the share of the targets that are in the
    catalogue. A request without a target in a view or slice has no value there (NaN), and is in no mean; a user
    without history has no target in the view repeat.

    Args:
        metrics: names `<metric>@<k>`, with a metric of `tfrec.metrics.ranking` or `tfrec.best_lists`, or `mrr` over
            the whole catalogue.
        slices: of the targets, see `tfrec.slices`.
        ties: `row` (the lower row, that is the item seen first, wins) or `expected` (mean over all orders of
            equal scores: a constant model then scores like a random one).
        candidates: `all`, or a number: each request's targets are then ranked among so many other items drawn
            evenly, in the view all only, and every name says so: `ndcg@10~sampled99`. Such values are no estimate of
            those over the whole catalogue and may order methods differently (Krichene and Rendle, KDD 2020).
        panel: requests that are asked again every period, for `churn@k`.
        tau: periods, of `freshness@k`.
        block: requests ranked at once; memory is about `block * catalogue * 12` bytes.
        seed: of the drawn candidates.

    Raises:
        InputError: an unknown metric or tie rule, or a number out of its range.
    """

    def __init__(
        self,
        metrics: Sequence[str] = ("ndcg@10", "recall@10", "recall@100"),
        slices: Sequence[Callable] = (),
        ties: str = "row",
        candidates: str | int = "all",
        panel: int = 256,
        tau: float = 4.0,
        block: int = 64,
        seed: int = 0,
    ) -> None:
        if ties not in ("row", "expected"):
            raise InputError(f"evaluate.ties is '{ties}': choose row or expected.")
        named = not isinstance(metrics, str) and len(metrics) > 0 and all(isinstance(name, str) for name in metrics)
        require(named, f"evaluate.metrics is {metrics}: write a list of names, such as [ndcg@10,recall@100].")
        require(
            candidates == "all" or isinstance(candidates, int) and candidates >= 1,
            f"evaluate.candidates is '{candidates}': choose all, or 1 or more items.",
        )
        require(panel >= 1 and block >= 1, f"evaluate has panel={panel}, block={block}: choose 1 or more.")
        require(tau > 0, f"evaluate.tau is {tau}: choose above 0 periods.")
        self.metrics = {name: _metric(name) for name in metrics}
        of_lists = {name: metric for name, metric in self.metrics.items() if metric[0] in KINDS}
        drawn = "" if candidates == "all" else f"~sampled{candidates}"
        self.of_ranks = {name + drawn: metric for name, metric in self.metrics.items() if name not in of_lists}
        require(bool(self.of_ranks), f"evaluate.metrics is {list(metrics)}: write one of the targets' ranks: ndcg@10.")
        depths = [k for _, k in self.of_ranks.values()]
        self.depth = None if None in depths else max(depths)
        self.slices, self.ties, self.block, self.seed = list(slices), ties, block, seed
        self.sampled = None if candidates == "all" else candidates
        require(
            self.sampled is None or not of_lists,
            f"evaluate.metrics has {', '.join(of_lists)}, of whole lists: choose evaluate.candidates=all.",
        )
        self.lists = BestLists(of_lists, tau, panel, block)

    @property
    def headline(self) -> str:
        """Name of the first metric of ranks, in the view all."""
        return "all/" + next(iter(self.of_ranks))

    def __call__(self, scores: Callable[[slice], np.ndarray], truth: Truth, partial: bool = False) -> dict:
        """Values per request, keyed `<view>/<metric>@<k>` and `slice/<slice>/<view>/<metric>@<k>`, `[requests]` each.

        Args:
            scores: gives, for a slice of `truth.requests`, scores `[block, catalogue]`.
            partial: whether the scorer may know only the first part of the catalogue; the rest is missed.

        Raises:
            InputError: scores that are not finite, or not of the whole catalogue.
        """
        placed = self.place(scores, truth, partial)
        result = self.views(placed, truth)
        for cut in self.slices:
            for name, mask in cut(truth).items():
                of_slice = self._values(placed, len(truth.users), mask)
                result |= {f"slice/{name}/{key}": values for key, values in of_slice.items()}
        return result

    def views(self, placed: Placed, truth: Truth) -> dict[str, np.ndarray]:
        """The values without the slices."""
        return self._values(placed, len(truth.users), np.ones(len(placed.request), bool))

    def place(self, scores: Callable[[slice], np.ndarray], truth: Truth, partial: bool = False) -> Placed:
        """Ranks all targets; see `__call__`."""
        blocks = range(0, len(truth.users), self.block)
        parts = [self._rank_block(scores, truth, start, partial) for start in blocks]
        request, repeat, old, new, tied_old, tied_new = map(np.concatenate, zip(*parts, strict=True))
        ahead = {"all": old + new, "repeat": old, "novel": new}
        tied = {"all": tied_old + tied_new, "repeat": tied_old, "novel": tied_new}
        return Placed(request, repeat, ahead, tied)

    def _values(self, placed: Placed, requests: int, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """Each metric in each view, with only the `chosen` targets; every candidate stays a competitor."""
        keep = {"all": chosen, "repeat": chosen & placed.repeat, "novel": chosen & ~placed.repeat}
        result = {}
        # Of a few drawn items hardly any was bought before: the view repeat would be no task.
        for view in VIEWS[:1] if self.sampled else VIEWS:
            mask = keep[view]
            sizes = np.bincount(placed.request[mask], minlength=requests)
            ranks = ranking.Ranks(
                placed.request[mask], placed.ahead[view][mask], placed.tied[view][mask], np.maximum(sizes, 1)
            )
            for name, (kind, k) in self.of_ranks.items():
                value = ranking.METRICS[kind](ranks, k)
                result[f"{view}/{name}"] = np.where(sizes > 0, value, np.nan)
        return result

    def _rank_block(self, scores, truth: Truth, start: int, partial: bool) -> tuple[np.ndarray, ...]:
        block = slice(start, start + self.block)
        request, item = flat(truth.targets[block])
        bought = padded(truth.bought[block])
        table = tf.convert_to_tensor(scores(block))
        width = table.shape[1]
        require(
            width == truth.catalogue or partial and width < truth.catalogue,
            f"A scorer gave scores for {width} items, and the catalogue has {truth.catalogue}: a metric over a part of "
            "it says nothing about the whole. Score every item, or ask for evaluate.candidates=99, which says so.",
        )
        require(
            bool(tf.reduce_all(tf.math.is_finite(table))),
            "A scorer gave scores that are NaN or infinite, so nothing can be ranked: a model has diverged; lower "
            "optimizer.learning_rate or raise model.loss.temperature.",
        )
        repeat = (item[:, None] == bought[request]).any(axis=1) & (item >= 0)
        # What a scorer with an older catalogue cannot rank is a miss, and is ahead of nothing.
        item = np.where(item < width, item, -1)
        known = np.where(bought < width, bought, -1)
        if self.sampled:
            seed = [self.seed, truth.period, start]
            wanted = sampling.drawn(truth.targets[block], truth.catalogue, self.sampled, seed)[:, :width]
            table, known = sampling.keep(table, known, wanted)
        targets = table, known, request, item
        expected = self.ties == "expected"
        counts = count_ahead(*targets, self.depth, expected) if self.depth else count_all_ahead(*targets, expected)
        old, new, tied_old, tied_new = (count.numpy() for count in counts)
        missed = np.where(item < 0, np.inf, 0)
        return start + request, repeat, old + missed, new + missed, tied_old, tied_new


def _metric(name: str) -> tuple[str, int | None]:
    kind, at, k = name.partition("@")
    if name == "mrr":
        return kind, None
    if kind not in {*ranking.METRICS, *KINDS} or not (k.isascii() and k.isdigit()) or int(k) < 1:
        known = ", ".join([*ranking.METRICS, *KINDS])
        raise InputError(f"evaluate.metrics has '{name}': write one of {known} and a depth: ndcg@10.")
    return kind, int(k)
