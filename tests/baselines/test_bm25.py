"""BM25 by its formula, and what it does without a query."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tfrec.baselines.bm25 import Bm25
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import InputError

TEXTS = {7: "green tea green", 3: "black tea", 5: "red apple juice box"}


def scores(queries, **options):
    """Items are seen in the order 7, 3, 5, all once, so popularity adds 1 / (1 + 1) to each."""
    history = History()
    history.observe(pd.DataFrame({"user": 1, "item": list(TEXTS), "timestamp": pd.Timestamp("2024-01-01")}))
    baseline = Bm25(**options)
    items = pd.DataFrame({"text": pd.Series(TEXTS)}).sort_index()
    baseline.start(SimpleNamespace(catalogue=SimpleNamespace(items=items)))
    requests = Requests(np.zeros(len(queries), int), queries=np.array(queries, object))
    return baseline.score(history, requests)(slice(None)) - 0.5


def test_the_formula_written_out():
    """tf of green is 2 in a text of 3 words, the mean length of 3, 2 and 4; idf log(1 + (3 - n + .5) / (n + .5))."""
    green = np.log(1 + 2.5 / 1.5) * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 3))
    tea = np.log(1 + 1.5 / 2.5)
    in_green = tea * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 3 / 3))
    in_black = tea * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 3))
    np.testing.assert_allclose(scores(["green", "tea"]), [[green, 0, 0], [in_green, in_black, 0]], atol=1e-6)
    np.testing.assert_allclose(scores(["tea green"])[0, 0], green + in_green, atol=1e-6)


def test_without_a_query_or_a_known_word_popularity_ranks():
    assert not scores(["", "coffee"]).any()


def test_letters_find_what_is_misspelled():
    whole, runs = scores(["aple"]), scores(["aple"], letters=3)
    assert not whole.any() and runs[0].argmax() == 2 and runs[0, 2] > 0


def test_a_log_without_queries_is_refused():
    with pytest.raises(InputError, match="needs a log with a column 'query'"):
        Bm25().score(History(), Requests(np.array([0])))
