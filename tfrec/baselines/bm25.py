"""What the words of a query find in the items' texts."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from tfrec.baselines.own_items import popularity_below_one
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import InputError, require


class Bm25:
    """Scores items by BM25 of the query against their texts (Robertson and Zaragoza, FnTIR 3(4), 2009).

    `sum over words w of the query of idf(w) * tf (k1 + 1) / (tf + k1 (1 - b + b |text| / mean |text|))` with
    `idf(w) = log(1 + (N - n_w + 0.5) / (n_w + 0.5))`, N texts of which n_w hold w. Popularity below one is added: it
    breaks ties, and alone ranks for a request without a query.

    Args:
        k1: how soon repeats of a word stop to count. b: how much long texts are held back.
        letters: cuts words into runs of so many letters, so that a misspelled word still finds something; None
            compares whole words.
        window: periods of the popularity.
    """

    def __init__(self, k1: float = 1.2, b: float = 0.75, letters: int | None = None, window: int = 4) -> None:
        require(k1 >= 0 and 0 <= b <= 1, f"baseline.bm25: k1 is {k1}, b is {b}: choose k1 >= 0, 0 <= b <= 1.")
        self.k1, self.b, self.window = k1, b, window
        self._known: pd.DataFrame | None = None
        self._catalogue = None
        grams = {"analyzer": "char_wb", "ngram_range": (letters, letters)} if letters else {"token_pattern": r"\S+"}
        self._counter = CountVectorizer(**grams)

    def know(self, items: pd.DataFrame) -> None:
        """Takes the item table as it is before the first event."""
        self._known = items

    def start(self, state) -> None:
        """Takes the catalogue, whose texts are those of the moment."""
        self._catalogue = state.catalogue

    @property
    def _items(self) -> pd.DataFrame:
        return self._known if self._catalogue is None else self._catalogue.items

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`.

        Raises:
            InputError: the log has no queries, or no item has a text.
        """
        require(requests.queries is not None, "baseline.bm25 needs a log with a column 'query': leave it out.")
        weights = self._weights(self._items["text"].loc[history.items.ids].tolist())
        queries = self._counter.transform(requests.queries.tolist()).astype(bool)
        fill = popularity_below_one(history, self.window)
        return lambda block: ((queries[block] @ weights).toarray() + fill).astype(np.float32)

    def _weights(self, texts: list[str]) -> sparse.csr_matrix:
        """What each word is worth in each text, `[words, texts]`."""
        try:
            counts = self._counter.fit_transform(texts).tocsc().astype(float)
        except ValueError as error:
            raise InputError(f"baseline.bm25 finds no words in the items' texts ({error}): leave it out.") from error
        words = np.diff(counts.indptr)
        idf = np.log1p((len(texts) - words + 0.5) / (words + 0.5))
        length = np.asarray(counts.sum(axis=1)).ravel()
        held_back = self.k1 * (1 - self.b + self.b * length / length.mean())
        counts.data *= (self.k1 + 1) / (counts.data + held_back[counts.indices])
        return (counts @ sparse.diags(idf)).T.tocsr()
