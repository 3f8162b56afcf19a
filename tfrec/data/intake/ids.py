"""Ids are whole numbers or text, and tables must write them as the log does."""

import pandas as pd
from pandas.api import types

from tfrec.errors import require


def is_text(ids: pd.Series | pd.Index) -> bool:
    """Whether ids are text, not whole numbers."""
    return not types.is_numeric_dtype(ids.dtype)


def alike(ids: pd.Index, log_ids: pd.Series, free: bool, key: str) -> pd.Index:
    """Ids of a table in the kind that those of the log have.

    Args:
        free: the log or the table is of a kind of file that knows only text, so that 7 may be a number or text.

    Raises:
        InputError: one side is numbers, the other text.
    """
    if is_text(ids) == is_text(log_ids):
        return ids
    kinds = ["whole numbers", "text"]
    require(
        free and is_text(log_ids),
        f"The ids of {key}s are {kinds[is_text(log_ids)]} in the event log and {kinds[is_text(ids)]} in the {key} "
        "table: write them alike.",
    )
    return ids.astype("str")


class KnownItems:
    """Ids of the item table as numbers or as text, whichever a piece of the log has; None without a table."""

    def __init__(self, ids: pd.Series | None, free: bool) -> None:
        self._ids = None if ids is None else pd.Index(ids.unique())
        self._free = free
        self._kinds: dict[bool, pd.Index] = {}

    def __call__(self, log_ids: pd.Series) -> pd.Index | None:
        """Ids to compare with these."""
        if self._ids is None or log_ids.isna().all():
            return self._ids
        text = is_text(log_ids)
        if text not in self._kinds:
            self._kinds[text] = alike(self._ids, log_ids, self._free, "item")
        return self._kinds[text]
