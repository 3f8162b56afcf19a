"""What a plain TFRS model takes: raw columns under its own names."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import InputError


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

    def observe(self, history: History, items: pd.DataFrame, changed: Sequence = ()) -> list[str]:
        """Remembers the item table; a plain model has no texts of ours to encode."""
        for column in self.item:
            if column != "item" and column not in items.columns:
                raise InputError(f"model.columns names '{column}', which the item table does not have.")
        self._items = items
        return []

    def admit(self, requests: Requests) -> list[str]:
        """Nothing to make room for."""
        return []

    def users(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """Raw ids of the users `[n]`; a user never seen (-1) gets an id of the same type that no user has."""
        ids = history.users.ids
        unseen = "" if ids.dtype.kind in "OUT" else -1
        return {self.user: np.append(ids, np.array([unseen], ids.dtype))[requests.users]}

    def past(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """Nothing: a plain model takes ids alone."""
        return {}

    def candidates(self, history: History, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Raw values of item rows `[n]`."""
        ids = history.items.ids[rows]
        raw = {column: ids if column == "item" else self._items.loc[ids, column] for column in self.item}
        return {self.item[column]: np.asarray(values) for column, values in raw.items()}
