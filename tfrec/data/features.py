"""From rows of a history to the arrays that a model's two towers take.

`users` says who asks and `past` what they did; an example of period t joins the user, known once t is revealed,
with the past as it was before t.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy import sparse

from tfrec.data.catalogue import categories
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.vocabulary import Vocabulary
from tfrec.errors import InputError, require


class TowerFeatures:
    """Query: user row, query text, context and the strongest items of the user's history. Candidate: item, text,
    category rows and numbers.

    An item's weight in a history is `log(1 + sum over s < t of decay ** (t - 1 - s))`, and the weights of a
    user sum to 1.

    Args:
        history_length: items of a history, the heaviest ones; shorter histories are padded with weight 0. 0: none.
        decay: what a purchase keeps of its weight from one period to the next.
        context: columns of the events or of the user table that the query tower takes; they must be known when the
            request comes. Texts are categories, numbers are numbers.
        numbers: number columns of the item table that the candidate tower takes; a missing one is 0. Its text
            columns are categories, and all are taken.
    """

    def __init__(
        self, history_length: int = 50, decay: float = 0.93, context: Sequence[str] = (), numbers: Sequence[str] = ()
    ) -> None:
        require(history_length >= 0, f"model.features.history_length is {history_length}: choose 0 or more.")
        require(0 < decay <= 1, f"model.features.decay is {decay}: choose above 0, up to 1.")
        self.history_length, self.decay = history_length, decay
        self.context, self.numbers = list(context), list(numbers)
        self.texts = Vocabulary()
        self.categories: dict[str, Vocabulary] = {}
        self.context_categories: dict[str, Vocabulary] = {}
        self.searches = False
        self.asked: set[str] = set()  # what the model's layers need beyond the default
        self.own_lists = None  # an `OwnLists`, where a model learns what is bought again
        self._columns: dict[str, np.ndarray] = {}
        self._bought = np.zeros(0, np.float32)
        self._numbers = np.zeros((0, len(self.numbers)), np.float32)

    def observe(self, history: History, items: pd.DataFrame, changed: Sequence = ()) -> list[str]:
        """Gives rows to texts and categories of items that are new in `history` or changed; returns the new texts.

        Args:
            items: the item table as of now. changed: ids of items whose row is not what it was.
        """
        known, total, texts = len(self._columns.get("text", ())), len(history.items), len(self.texts)
        again = history.items.rows(changed)
        numbers = np.concatenate([np.arange(known, total), np.sort(again[(again >= 0) & (again < known)])])
        table = items.loc[history.items.of(numbers)]
        if self.own_lists is not None:
            self.own_lists.observe(history, items)
        rows = {"text": self.texts.add(table["text"])}
        for column in categories(table):
            rows[column] = self.categories.setdefault(column, Vocabulary()).add(table[column])
        for column, values in rows.items():
            grown = np.append(self._columns.get(column, np.zeros(0, np.int32)), np.zeros(total - known, np.int32))
            grown[numbers] = values
            self._columns[column] = grown
        if "item_count" in self.asked:
            self._bought = history.popularity().astype(np.float32)
        if self.numbers:
            self._numbers = np.append(self._numbers, np.zeros((total - known, len(self.numbers)), np.float32), axis=0)
            self._numbers[numbers] = _stack(table, self.numbers, "model.features.numbers", "the item table")
        return list(self.texts.of(np.arange(texts, len(self.texts))))

    def admit(self, requests: Requests) -> list[str]:
        """Gives rows to query texts and context categories of requests that come in; returns the new texts."""
        for name in self.context:
            if name not in requests.context:
                raise InputError(
                    f"model.features.context has '{name}', which is no column of the events or of the user table that "
                    "is known when the request comes (labels, prices, what was shown, what is made of them are not): "
                    f"choose from {', '.join(sorted(requests.context)) or 'none'}, or have it read (data.columns) or "
                    "made (step=time)."
                )
            if not is_numeric_dtype(requests.context[name]):
                self.context_categories.setdefault(name, Vocabulary()).add(requests.context[name])
        if requests.queries is None:
            return []
        self.searches, known = True, len(self.texts)
        self.texts.add(requests.queries[requests.queries != ""])
        return list(self.texts.of(np.arange(known, len(self.texts))))

    def users(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """Who asks what: `user` and `user_known`, `[n]`; with queries `query_text` `[n]`, -1 for none; context."""
        users = requests.users
        features = {"user": np.maximum(users, 0).astype(np.int32), "user_known": (users >= 0).astype(np.float32)}
        if self.searches:
            rows = self.texts.rows(requests.queries)
            features["query_text"] = np.where(requests.queries == "", -1, rows).astype(np.int32)
        for name, vocabulary in self.context_categories.items():
            features[f"context/{name}"] = vocabulary.rows(requests.context[name])
        numbers = [name for name in self.context if name not in self.context_categories]
        if numbers:
            features["context_numbers"] = _stack(requests.context, numbers, "model.features.context", "the request")
        return features

    def past(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """What the users did: `history` and `history_weight`, `[n, history_length]`, in the order of item rows.

        Where a layer asked for them, `history_age`, periods since the last purchase (1: the newest), and
        `history_count`, periods in which it was bought; with ages, the item bought last comes first, padding last.
        `history_text` is the text row of each item, as of now. With `own_lists`, what they add.
        """
        lists = {} if self.own_lists is None else self.own_lists.past(history, requests)
        if not self.history_length:
            return lists
        own = history.own(requests.users, self.decay)
        own.data = np.log1p(own.data)
        items, weights = heaviest(own, self.history_length)
        total = weights.sum(axis=1, keepdims=True, dtype=np.float64)
        past = {"history": items, "history_weight": weights / np.maximum(total, 1e-9).astype(np.float32)}
        if "history_count" in self.asked:
            past["history_count"] = _at(history.own(requests.users), items, weights > 0)
        if "history_text" in self.asked:
            texts = self._columns.get("text", np.zeros(0, np.int32))
            past["history_text"] = texts[items] if len(texts) else np.zeros_like(items)
        if "history_age" in self.asked:
            past["history_age"] = _at(history.ages(requests.users), items, weights > 0)
            order = np.argsort(np.where(weights > 0, past["history_age"], np.inf), axis=1, kind="stable")
            past = {name: np.take_along_axis(values, order, axis=1) for name, values in past.items()}
        return past | lists

    def candidates(self, history: History, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Candidate features of item rows `[n]`: `item`, `text`, `category/<column>`, `[n]` each; `numbers`.

        Where a layer asked for it, `item_count`: how often the item was bought up to the last `observe`.
        """
        features = {"item": rows.astype(np.int32), "text": self._columns["text"][rows]}
        columns = {f"category/{name}": values[rows] for name, values in self._columns.items() if name != "text"}
        if "item_count" in self.asked:
            columns["item_count"] = self._bought[rows]
        if self.own_lists is not None:
            columns["repeat/popularity"] = self.own_lists.popularity[rows]
        return features | columns | ({"numbers": self.numbers_of(rows)} if self.numbers else {})

    def numbers_of(self, rows: np.ndarray) -> np.ndarray:
        """Numbers of item rows `[n]`, as of the last `observe`, `[n, len(numbers)]`."""
        return self._numbers[rows] if self.numbers else np.zeros((len(rows), 0), np.float32)


def _stack(table, names: list[str], key: str, where: str) -> np.ndarray:
    """Number columns as one matrix `[n, names]`, float32, missing values 0."""
    for name in names:
        if name not in table or not is_numeric_dtype(table[name]):
            raise InputError(
                f"{key} has '{name}', no number column of {where} (which has {', '.join(table)}): leave it out, or "
                "choose data or a step that gives it."
            )
    columns = [np.nan_to_num(np.asarray(table[name], np.float32)) for name in names]
    return np.stack(columns, axis=1)


def _at(rows: sparse.csr_matrix, columns: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Entries of sorted rows at `columns` `[n, length]` that they have, float32, 0 where not `real`."""
    wide = np.int64(rows.shape[1])
    there = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)) * wide + rows.indices
    found = np.zeros(columns.shape, np.float32)
    found[real] = rows.data[np.searchsorted(there, (np.arange(len(columns))[:, None] * wide + columns)[real])]
    return found


def heaviest(rows: sparse.csr_matrix, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values `[n, length]` of the largest entries of each row, of equal ones the first, by column.

    Values that differ by less than 1e-10 of the largest count as equal.
    """
    sizes = np.diff(rows.indptr)
    keep = np.ones(rows.nnz, bool)
    long = np.where(sizes > length, sizes, 0)  # only long rows need sorting
    entries = np.flatnonzero(np.repeat(long > 0, sizes))
    values = rows.data[entries]
    # One sort for all rows: whole numbers are the row, fractions the rank in it.
    key = np.repeat(np.arange(len(sizes)), long) - values * (0.5 / max(values.max(initial=0), 1e-300))
    order = np.argsort(key, kind="stable")
    keep[entries[order[_place(long) >= length]]] = False
    sizes = np.minimum(sizes, length)
    cell = np.repeat(np.arange(len(sizes)) * length, sizes) + _place(sizes)
    columns, values = np.zeros(len(sizes) * length, np.int32), np.zeros(len(sizes) * length, np.float32)
    columns[cell], values[cell] = rows.indices[keep], rows.data[keep]
    return columns.reshape(-1, length), values.reshape(-1, length)


def _place(sizes: np.ndarray) -> np.ndarray:
    """0, 1, ..., size - 1 for each of `sizes`, one after the other."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
