"""Gradient-boosted trees that put candidates in order."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import sparse

from tfrec.baselines.own_items import above, overlays, popularity_below_one
from tfrec.baselines.refreshed import Periodic
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import InputError, require
from tfrec.ranking.candidates import Candidates
from tfrec.ranking.lists import Lists, lists, past_lists

# Equal scores from equal data, on any number of runs; two threads add up in the same order every time.
REPEATABLE = {"deterministic": True, "force_row_wise": True, "num_threads": 2, "verbose": -1}
# Chosen on weeks 20 to 25 of Complete Journey, learned from weeks 14 to 19.
CHOSEN = {"objective": "lambdarank", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 100}


class LightgbmRanker:
    """LambdaMART (Burges, MSR-TR-2010-82) on the candidates of each request, above everything else by popularity.

    A fit before period t learns from periods t - weeks to t - 1: from the candidates and features as of before each of
    them, and from what was bought in it. Who has no history gets popular items, ranked by what is known of items.

    Args:
        candidates: who is put in order; None takes those of the run's `model=two_stage`.
        every: periods from one fit to the next, the first being at the end of the base; None fits once.
        weeks: periods that a fit learns from.
        trees: boosting rounds.
        negatives: share of the candidates without a purchase that are learned from, drawn by (seed, period).
        parameters: of LightGBM, beside or instead of the ones here.

    Raises:
        InputError: LightGBM is not installed, or a number is out of range; when the run begins, it has no candidates.
    """

    def __init__(
        self,
        candidates: Candidates | None = None,
        every: int | None = 4,
        weeks: int = 6,
        trees: int = 110,
        negatives: float = 0.3,
        parameters: dict | None = None,
        seed: int = 0,
    ) -> None:
        require(min(weeks, trees) >= 1, f"baseline.lightgbm: weeks={weeks}, trees={trees}: choose 1 or more.")
        require(0 < negatives <= 1, f"baseline.lightgbm.negatives is {negatives}: choose above 0, up to 1.")
        self._lightgbm = _lightgbm()
        self.candidates, self.weeks, self.trees = candidates, weeks, trees
        self.negatives, self.seed = negatives, seed
        self.parameters = {**REPEATABLE, **CHOSEN, "seed": seed, **(parameters or {})}
        self.catalogue = None
        self._fitted = Periodic(self._fit, every)
        self._kept: dict[str, Lists] = {}
        self._scored: tuple[tuple, Callable] | None = None

    def know(self, items: pd.DataFrame) -> None:
        """Takes the item table as it is before the first event, for the sources of candidates."""
        if self.candidates is not None:
            self.candidates.know(items)

    def begin(self, state) -> None:
        """Takes the candidates of the run's model, unless it has some of its own."""
        if self.candidates is None:
            self.candidates = getattr(getattr(state.model, "features", None), "candidates_of", None)
        require(
            self.candidates is not None,
            "baseline.lightgbm_weekly.candidates is null, so trees order the candidates of model=two_stage, and the "
            f"model is {type(state.model).__name__}: choose that, or baseline=lightgbm.",
        )

    def start(self, state) -> None:
        """The end of the base: the first fit is due. Takes the catalogue, which stays current."""
        self.catalogue = state.catalogue
        self._fitted.start(state)
        self.candidates.start(state)

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`; asked for twice by a blend."""
        key = history.digest, *requests.key
        if self._scored is None or self._scored[0] != key:
            self._scored = key, self._score(history, requests)
        return self._scored[1]

    def _score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        model, fill = self._fitted(history), popularity_below_one(history, self.candidates.window)
        found = lists(history, requests, self.candidates, self._items())
        if model is None or not len(found.items):
            return overlays(fill, sparse.csr_matrix((len(requests), len(fill))))
        scores = model.predict(found.features, num_threads=self.parameters["num_threads"])
        return above(fill, found.items, scores, np.bincount(found.requests, minlength=len(requests)))

    def _fit(self, history: History):
        """The trees as of the end of a history; None if there was nothing to learn."""
        periods = range(max(1, len(history) - self.weeks), len(history))
        keys = {s: history.until(s + 1).digest for s in periods}  # of what the examples are made of
        self._kept = {keys[s]: self._kept.get(keys[s]) or self._examples(history, s) for s in periods}
        learned = list(self._kept.values())
        labels = [part.labels.astype(np.int8) for part in learned]
        if not sum(map(np.sum, labels)):
            return None
        sizes = [np.unique(part.requests, return_counts=True)[1] for part in learned]
        features = np.concatenate([part.features for part in learned])
        groups = {"label": np.concatenate(labels), "group": np.concatenate(sizes)}
        data = self._lightgbm.Dataset(features, **groups, params=self.parameters)
        return self._lightgbm.train(self.parameters, data, self.trees)

    def _examples(self, history: History, s: int) -> Lists:
        """Pairs of period s to learn from. A request without a purchase among its candidates says nothing of order."""
        found = past_lists(history, s, self.candidates, self._items())
        drawn = np.random.default_rng([self.seed, s]).random(len(found.labels)) < self.negatives
        useful = np.bincount(found.requests, found.labels, minlength=1)[found.requests] > 0
        return found.take(np.flatnonzero(useful & (found.labels | drawn)))

    def _items(self):
        return None if self.catalogue is None else self.catalogue.items


def _lightgbm():
    try:
        import lightgbm
    except ImportError as error:
        raise InputError("baseline=lightgbm needs LightGBM: run pip install 'tfrec[lightgbm]'.") from error
    return lightgbm
