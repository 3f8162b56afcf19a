"""The host side of a model that ranks lists of candidates."""

import numpy as np
import pandas as pd

from tfrec.data.features import TowerFeatures
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require
from tfrec.ranking.candidates import Candidates
from tfrec.ranking.features import OWN
from tfrec.ranking.lists import Lists, lists
from tfrec.ranking.moments import Moments

OWN_COUNT = OWN.index("own_count")  # its place among the features of a pair, of which those of `OWN` come first


class ListFeatures:
    """Per request a list of candidates with what is known of each, beside what `TowerFeatures` knows of the user.

    An example is a request: all of its candidates that were bought, and candidates drawn evenly from the others, until
    `length`. A request without a bought candidate teaches no order and is left out.

    Args:
        candidates: which items are worth ranking; see `Candidates`.
        towers: user and history; see `TowerFeatures`. Its `numbers` of the item table, such as a price or the promotion
            of the week before, are features of each candidate too, as of now.
        length: candidates of an example. Scored lists are as long as `candidates` makes them.
        seed: of the draw, with the period.

    Raises:
        InputError: there are no candidates, the length is below 2, no candidate could ever be proposed, or `towers` has
            context, which no tower reads.
    """

    def __init__(
        self, candidates: Candidates, towers: TowerFeatures | None = None, length: int = 160, seed: int = 0
    ) -> None:
        require(
            candidates is not None,
            "model=two_stage ranks what a first stage proposes, and model.features.candidates is null: give it one.",
        )
        require(length >= 2, f"model.features.length is {length}: choose 2 or more candidates of an example.")
        require(
            candidates.most > 0,
            "model.features.candidates proposes nothing (own, popular and best are 0, or there is no source), but "
            "model=two_stage ranks what a first stage proposes: give it one.",
        )
        self.candidates_of, self.towers = candidates, towers or TowerFeatures()
        require(
            not self.towers.context,
            "model.features.towers.context names columns, which no tower of model=two_stage reads: leave it empty.",
        )
        self.length, self.seed = length, seed
        self.moments = Moments()
        self.items: pd.DataFrame | None = None
        self._made: tuple[tuple, Lists] | None = None

    def observe(self, history: History, items: pd.DataFrame, changed=()) -> list[str]:
        """Takes the item table as of now; returns the new texts, of which a ranker makes no use."""
        self.items = items
        return self.towers.observe(history, items, changed)

    def admit(self, requests: Requests) -> list[str]:
        """Gives rows to the context of requests."""
        return self.towers.admit(requests)

    def users(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """Who asks: see `TowerFeatures`."""
        return self.towers.users(history, requests)

    def candidates(self, history: History, rows: np.ndarray) -> dict[str, np.ndarray]:
        """An example is no single item, so it takes nothing of one but its row."""
        return {"item": rows.astype(np.int32)}

    def lists(self, history: History, requests: Requests) -> Lists:
        """Candidates of requests as of now; asked for twice, when a period is scored and when it is learned."""
        key = history.digest, *requests.key
        if self._made is None or self._made[0] != key:
            self._made = key, lists(history, requests, self.candidates_of, self.items)
        return self._made[1]

    def past(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """What was known before a period: the history, and `list_item` `[n, most]`, `list_pairs` `[n, most, F]`,
        `list_size` `[n]`, the candidates first and padding behind them.
        """
        searched = 0 * requests.users if requests.queries is None else pd.factorize(requests.queries, sort=True)[0]
        order = np.lexsort((searched, requests.users))  # one order for whoever asks, so that lists are made once
        found = self.lists(history, requests.take(order))
        sizes = np.bincount(found.requests, minlength=len(requests))
        place = np.arange(len(found.items)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        items = np.zeros((len(requests), self.candidates_of.most), np.int32)
        known = np.concatenate([found.features, self.towers.numbers_of(found.items)], axis=1)
        pairs = np.zeros((*items.shape, known.shape[1]), np.float32)
        items[found.requests, place], pairs[found.requests, place] = found.items, squashed(known)
        back = np.argsort(order, kind="stable")
        listed = {"list_item": items[back], "list_pairs": pairs[back], "list_size": sizes[back].astype(np.int32)}
        return self.towers.past(history, requests) | listed

    def examples(self, period: int, pairs: dict, queries: dict) -> tuple[dict, dict]:
        """The lists to learn from; see `StreamModel.examples`."""
        item, known, size = (queries.pop(f"list_{name}") for name in ("item", "pairs", "size"))
        width = 1 + max(item.max(initial=0), pairs["item"].max(initial=0))
        request = np.arange(len(item), dtype=np.int64)[:, None]
        there = np.arange(item.shape[1]) < size[:, None]
        bought = np.isin(request * width + item, pairs["query"].astype(np.int64) * width + pairs["item"]) & there
        useful = np.flatnonzero(bought.any(axis=1))
        first = np.random.default_rng([self.seed, period]).random(item.shape) + bought  # first all that were bought
        order = np.argsort(np.where(there, -first, 1), axis=1, kind="stable")[useful, : self.length]
        order.sort(axis=1)  # a list's order tells nothing of its labels; padding stays last
        taken = {
            "list_item": item[useful[:, None], order],
            "list_pairs": known[useful[:, None], order],
            "list_label": bought[useful[:, None], order].astype(np.float32),
            "list_mask": there[useful[:, None], order].astype(np.float32),
            "list_novel": (known[useful[:, None], order, OWN_COUNT] == 0).astype(np.float32),
        }
        short = self.length - order.shape[1]
        taken = {key: np.pad(v, [(0, 0), (0, max(0, short)), *[(0, 0)] * (v.ndim - 2)]) for key, v in taken.items()}
        self.moments.observe(taken["list_pairs"][taken["list_mask"] > 0])
        rows = {key: values[useful] for key, values in queries.items()} | taken
        return {"query": np.arange(len(useful)), "item": item[useful, bought[useful].argmax(axis=1)]}, rows


def squashed(features: np.ndarray) -> np.ndarray:
    """`sign(x) log(1 + |x|)`: counts and recencies span orders of magnitude."""
    return np.sign(features) * np.log1p(np.abs(features))
