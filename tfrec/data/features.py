"""From rows of a history to the arrays that a model's two towers take.

`users` says who asks and `past` what they did; an example of period t joins the user, known once t is revealed,
with the past as it was before t.
"""

import numpy as np
import pandas as pd
from scipy import sparse

from tfrec.data.history import History, own_rows
from tfrec.data.vocabulary import Vocabulary
from tfrec.errors import InputError, require


class TowerFeatures:
    """Query: user row and the strongest items of the user's history. Candidate: item, text and category rows.

    An item's weight in a history is `log(1 + sum over s < t of decay ** (t - 1 - s))`, and the weights of a
    user sum to 1.

    Args:
        history_length: items of a history, the heaviest ones; shorter histories are padded with weight 0.
        decay: what a purchase keeps of its weight from one period to the next.
    """

    def __init__(self, history_length: int = 50, decay: float = 0.93) -> None:
        require(history_length >= 1, f"model.features.history_length is {history_length}: choose 1 or more.")
        require(0 < decay <= 1, f"model.features.decay is {decay}: choose above 0, up to 1.")
        self.history_length, self.decay = history_length, decay
        self.texts = Vocabulary()
        self.categories: dict[str, Vocabulary] = {}
        self._columns: dict[str, np.ndarray] = {}

    def observe(self, history: History, items: pd.DataFrame) -> list[str]:
        """Gives rows to texts and categories of items new in `history`; returns the new texts in row order."""
        known = len(self._columns.get("text", ()))
        new = items.loc[history.items.ids[known:]]
        texts = len(self.texts)
        rows = {"text": self.texts.add(new["text"])}
        for column in (name for name in items.columns if name != "text"):
            rows[column] = self.categories.setdefault(column, Vocabulary()).add(new[column])
        for column, values in rows.items():
            self._columns[column] = np.concatenate([self._columns.get(column, np.zeros(0, np.int32)), values])
        return list(self.texts.ids[texts:])

    def users(self, history: History, users: np.ndarray) -> dict[str, np.ndarray]:
        """Who asks, of user rows `[n]` (-1: never seen): `user` and `user_known`, `[n]`."""
        return {"user": np.maximum(users, 0).astype(np.int32), "user_known": (users >= 0).astype(np.float32)}

    def past(self, history: History, users: np.ndarray) -> dict[str, np.ndarray]:
        """What user rows `[n]` did: `history` and `history_weight`, `[n, history_length]`."""
        items, weights = heaviest(own_rows(history.frequency(self.decay), users), self.history_length)
        weights = np.log1p(weights)
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
        return {"history": items, "history_weight": weights.astype(np.float32)}

    def candidates(self, history: History, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Candidate features of item rows `[n]`: `item`, `text` and one array for each category, `[n]`."""
        return {
            "item": rows.astype(np.int32),
            **{name: values[rows] for name, values in self._columns.items()},
        }


class RawFeatures:
    """Features of a plain TFRS model: raw columns under the names that the model expects.

    Args:
        columns: raw column to feature name, such as `{user: user_id, item: movie_title}`; `user` goes to the
            query, `item` and the item table's columns to the candidate.

    Raises:
        InputError: `user` is not among the columns, or nothing describes the candidate.
    """

    def __init__(self, columns: dict[str, str]) -> None:
        if "user" not in columns or len(columns) < 2:
            raise InputError(
                f"model.columns is {columns}: it must name the feature of 'user' and of 'item' or of columns of "
                "the item table, for example {user: user_id, item: movie_title}."
            )
        self.user = columns["user"]
        self.item = {raw: feature for raw, feature in columns.items() if raw != "user"}
        self._items: pd.DataFrame | None = None

    def observe(self, history: History, items: pd.DataFrame) -> list[str]:
        """Remembers the item table; a plain model has no texts of ours to encode."""
        for column in self.item:
            if column != "item" and column not in items.columns:
                raise InputError(f"model.columns names '{column}', which the item table does not have.")
        self._items = items
        return []

    def users(self, history: History, users: np.ndarray) -> dict[str, np.ndarray]:
        """Raw ids of user rows `[n]`; a user never seen (-1) gets an id of the same type that no user has."""
        ids = history.users.ids
        unseen = "" if ids.dtype.kind in "OUT" else -1
        return {self.user: np.append(ids, np.array([unseen], ids.dtype))[users]}

    def past(self, history: History, users: np.ndarray) -> dict[str, np.ndarray]:
        """Nothing: a plain model takes ids alone."""
        return {}

    def candidates(self, history: History, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Raw values of item rows `[n]`."""
        ids = history.items.ids[rows]
        raw = {column: ids if column == "item" else self._items.loc[ids, column] for column in self.item}
        return {self.item[column]: np.asarray(values) for column, values in raw.items()}


def heaviest(rows: sparse.csr_matrix, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The `length` largest entries of each row, largest first, ties by column: columns and values `[n, length]`."""
    owner = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    order = np.lexsort((rows.indices, -rows.data, owner))
    place = np.arange(len(owner)) - rows.indptr[owner]
    keep = place < length
    columns = np.zeros((rows.shape[0], length), np.int32)
    values = np.zeros((rows.shape[0], length))
    columns[owner[keep], place[keep]] = rows.indices[order[keep]]
    values[owner[keep], place[keep]] = rows.data[order[keep]]
    return columns, values
