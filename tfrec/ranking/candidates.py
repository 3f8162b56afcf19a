"""Which items are worth a closer look for each request."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import tensorflow as tf
from scipy import sparse

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require

BLOCK = 64  # requests whose scores of the whole catalogue are in memory at once


@dataclass(frozen=True)
class Pairs:
    """Candidates of requests as one flat list, by request, and within it by item row.

    Args:
        requests, items: `[n]`, the number of the request and the row of the item.
        scores: `[n, sources]`, float32, what each source says of the pair; 0 for an item that it does not know.
    """

    requests: np.ndarray
    items: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.items)


class Candidates:
    """The user's own items, popular items, and the best items of other scorers that the user has not bought.

    A request has at most `own + popular + best * sources` candidates. An item that a source scores lowest of all for a
    request (0, for somebody whom it does not know) is not proposed by it.

    Args:
        own: items of the user, those with the highest frequency of decay 0.98 first.
        popular: items that most users bought in the last `window` periods.
        best: items from each source.
        sources: by name, scorers with a baseline's `score(history, requests)`, such as ItemKNN and ALS. They are asked
            as of past periods too, so they must go by the history that they are given, and by nothing later. None
            leaves a source out.

    Raises:
        InputError: a number is below 0, or a source cannot score by the history alone.
    """

    def __init__(self, own: int = 300, popular: int = 150, best: int = 100, window: int = 4, **sources) -> None:
        require(min(own, popular, best) >= 0, f"candidates: own={own}, popular={popular}, best={best}: not below 0.")
        require(window >= 1, f"candidates.window is {window}: choose 1 or more periods.")
        sources = {name: source for name, source in sources.items() if source is not None}
        for name, source in sources.items():
            require(hasattr(source, "score"), f"candidates.{name} is '{source}': write a baseline, with its _target_.")
            require(
                not (hasattr(source, "begin") or hasattr(source, "restore")),
                f"candidates.{name} is {type(source).__name__}, which does not go by the history alone, as a source of "
                "candidates must: choose another, such as item_knn.",
            )
        self.own, self.popular, self.best, self.window, self.sources = own, popular, best, window, sources

    @property
    def most(self) -> int:
        """The largest number of candidates that a request can have."""
        return self.own + self.popular + self.best * len(self.sources)

    def know(self, items: pd.DataFrame) -> None:
        """Tells the sources that want to know it the item table as it is before the first event."""
        for source in self.sources.values():
            if hasattr(source, "know"):
                source.know(items)

    def start(self, state) -> None:
        """The end of the base: sources that are fitted every so many periods start to count."""
        for source in self.sources.values():
            if hasattr(source, "start"):
                source.start(state)

    def __call__(self, history: History, requests: Requests) -> Pairs:
        """The candidates of each request, from what `history` knows."""
        if not len(history.items):
            return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, len(self.sources)), np.float32))
        bought = history.own(requests.users, 0.98)
        often = _strongest(bought, self.own)
        popular = _highest(history.popularity(self.window)[None], self.popular, 0)[1]
        scorers = [source.score(history, requests) for source in self.sources.values()]
        parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, len(scorers)), np.float32))]
        for start in range(0, len(requests), BLOCK):
            block = slice(start, start + BLOCK)
            tables = [_wide(np.asarray(score(block), np.float32), bought.shape[1]) for score in scorers]
            chosen = often[block].toarray()
            chosen[:, popular] = True
            self._propose(chosen, bought[block], tables)
            request, item = np.nonzero(chosen)
            scores = np.array([table[request, item] for table in tables], np.float32).reshape(len(tables), len(item)).T
            parts.append((start + request, item, scores))
        return Pairs(*map(np.concatenate, zip(*parts, strict=True)))

    def _propose(self, chosen: np.ndarray, bought: sparse.csr_matrix, tables: list[np.ndarray]) -> None:
        """Marks in `chosen` `[block, catalogue]` the best of each source that were not bought."""
        request = np.repeat(np.arange(bought.shape[0]), np.diff(bought.indptr))
        for table in tables:
            new = table.copy()
            lowest = table.min(axis=1, initial=np.inf, keepdims=True)
            new[request, bought.indices] = lowest[request, 0]
            chosen[_highest(new, self.best, lowest)] = True


def _strongest(bought: sparse.csr_matrix, number: int) -> sparse.csr_matrix:
    """Marks the `number` highest entries of each row, bool; of equal ones those further left."""
    request = np.repeat(np.arange(bought.shape[0]), np.diff(bought.indptr))
    order = np.lexsort((-bought.data, request))
    order = order[np.arange(len(order)) - bought.indptr[request] < number]
    return sparse.csr_matrix((np.ones(len(order), bool), (request[order], bought.indices[order])), shape=bought.shape)


def _highest(scores: np.ndarray, number: int, floor) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each row's `number` highest scores above `floor`; of equal ones those further left."""
    if not scores.size or not number:
        return np.zeros(0, int), np.zeros(0, int)
    value, column = (part.numpy() for part in tf.math.top_k(scores, min(number, scores.shape[1])))
    row, place = np.nonzero(value > floor)
    return row, column[row, place]


def _wide(scores: np.ndarray, width: int) -> np.ndarray:
    return np.pad(scores, [(0, 0), (0, width - scores.shape[1])]) if scores.shape[1] < width else scores
