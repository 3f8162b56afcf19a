"""The candidates of requests with their features, and for past periods with what came of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.ranking.candidates import Candidates
from tfrec.ranking.features import PairFeatures


@dataclass(frozen=True)
class Lists:
    """One list of candidates a request, one after the other.

    Args:
        requests, items: `[n]`, number of the request, ascending, and row of the item.
        features: `[n, features]`, float32. names: of the features, the sources' scores last.
        labels: `[n]` bool, whether the user bought the item in the period; None where that is not known yet.
    """

    requests: np.ndarray
    items: np.ndarray
    features: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "Lists":
        """The pairs `rows`, of a list with labels."""
        return Lists(self.requests[rows], self.items[rows], self.features[rows], self.names, self.labels[rows])


def lists(history: History, requests: Requests, candidates: Candidates, items: pd.DataFrame | None = None) -> Lists:
    """Candidates and features of requests, by what `history` knows and nothing else.

    Args:
        items: the item table, for features of categories.
    """
    pairs = candidates(history, requests)
    known = PairFeatures(history, items)
    features = known(requests.users[pairs.requests], pairs.items)
    names = *known.names, *candidates.sources
    return Lists(pairs.requests, pairs.items, np.concatenate([features, pairs.scores], axis=1), names)


def past_lists(history: History, t: int, candidates: Candidates, items: pd.DataFrame | None = None) -> Lists:
    """The same for all users of which period t revealed something, as of before t, with what they bought as labels.

    A pure function of periods 0 to t, so it is the same whenever it is asked for.
    """
    past = history.until(t)
    users, bought = (rows.astype(np.int64) for rows in history.pairs(t))
    different, request = np.unique(users, return_inverse=True)
    known = np.where(different < len(past.users), different, -1)
    found = lists(past, Requests(known, history.users.ids[different]), candidates, items)
    width = len(history.items)
    labels = np.isin(found.requests * width + found.items, request * width + bought)
    return Lists(found.requests, found.items, found.features, found.names, labels)
