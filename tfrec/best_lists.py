"""What the best k items of each request are like, whatever the request led to."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tfrec.data.catalogue import categories
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.truth import Truth
from tfrec.errors import require
from tfrec.metrics import lists
from tfrec.metrics.counting import best_in_blocks

KINDS = ("novelty", "diversity", "freshness", "coverage", "gini", "churn")


class BestLists:
    """Metrics of the lists of the best k items, of names `<kind>@<k>`; see `tfrec.metrics.lists` for definitions.

    `novelty`, `diversity` and `freshness` have a value per request, `coverage` and `gini` one per period. `churn` asks
    the same requests (the `panel`) again every period: it is the share of new items in the lists of those whose user
    did nothing in between, so it comes from the model and the catalogue alone.

    Args:
        metrics: `name: (kind, k)`.
        tau: periods, of freshness.
        panel: requests that are asked again.
        block: requests ranked at once.
    """

    def __init__(self, metrics: dict[str, tuple[str, int]], tau: float, panel: int, block: int) -> None:
        self.metrics, self.tau, self.panel, self.block = metrics, tau, panel, block
        self.of_churn = [k for kind, k in metrics.values() if kind == "churn"]
        self._asked: Requests | None = None
        self._before: dict[str, np.ndarray] = {}

    def __call__(self, scores: Callable, truth: Truth) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Values per request `[requests]`, and of the period, each under `all/<kind>@<k>`."""
        now = {name: metric for name, metric in self.metrics.items() if metric[0] != "churn"}
        if not now:
            return {}, {}
        found = self._best(scores, len(truth.requests), max(k for _, k in now.values()))
        values, totals = {}, {}
        for name, (kind, k) in now.items():
            if kind in ("coverage", "gini"):
                totals[f"all/{name}"] = getattr(lists, kind)(found[:, :k], truth.catalogue)
            else:
                values[f"all/{name}"] = self._per_request(kind, found[:, :k], truth)
        return values, totals

    def ask_again(self, scorer: str, score: Callable, history: History) -> dict[str, float]:
        """`all/churn@<k>` since the last period: NaN at first, and where nobody of the panel did nothing.

        Args:
            score: a scorer's `score(history, requests)`.
        """
        if not self.of_churn:
            return {}
        found = self._best(score(history, self._asked), len(self._asked), max(self.of_churn))
        before, self._before[scorer] = self._before.get(scorer), found
        if before is None:
            return {f"all/churn@{k}": np.nan for k in self.of_churn}
        still = ~np.isin(self._asked.users, history.pairs(history.last_period)[0])
        changed = {k: lists.churn(before[still, :k], found[still, :k]) for k in self.of_churn}
        return {f"all/churn@{k}": float(values.mean()) if still.any() else np.nan for k, values in changed.items()}

    def choose_panel(self, requests: Requests, history: History) -> None:
        """Takes the first requests of different users as those to be asked again, with the rows they have by now."""
        if self.of_churn:
            users = history.users.rows(requests.ids)
            first = np.sort(np.unique(users, return_index=True)[1])[: self.panel]
            self._asked = replace(requests.take(first), users=users[first])

    def state(self) -> dict[str, np.ndarray]:
        """The panel's last lists, by scorer."""
        return self._before

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes back what `state` returned."""
        self._before = state

    def _per_request(self, kind: str, found: np.ndarray, truth: Truth) -> np.ndarray:
        if kind == "novelty":
            return lists.novelty(found, truth.popularity)
        if kind == "freshness":
            return lists.freshness(found, truth.age, self.tau)
        return lists.diversity(found, _categories(truth))

    def _best(self, scores: Callable, requests: int, depth: int) -> np.ndarray:
        """`[requests, depth]` item rows, best first, -1 where the catalogue ends."""
        found = best_in_blocks(scores, requests, depth, self.block)
        return np.pad(found, [(0, 0), (0, depth - found.shape[1])], constant_values=-1)


def _categories(truth: Truth) -> np.ndarray:
    """The category columns of the catalogue's items as numbers, `[catalogue, columns]`."""
    table = truth.items.loc[truth.ids]
    names = categories(table)
    require(bool(names), "evaluate.metrics has diversity, but the item table has no categories: leave it out.")
    return np.stack([table[name].astype("category").cat.codes.to_numpy() for name in names], axis=1)
