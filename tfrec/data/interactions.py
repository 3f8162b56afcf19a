"""The one form in which every dataset arrives: events in time order and the table of items."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec.data.log import EventLog
from tfrec.errors import InputError

log = logging.getLogger(__name__)

EVENT_COLUMNS = ("user", "item", "timestamp")


@dataclass(frozen=True)
class Interactions:
    """Events sorted by (timestamp, row number), and what is known of each item and user.

    Args:
        events: columns `user`, `item`, `timestamp` (datetime64, UTC without a zone), the optional columns of
            `docs/data.md` and any context columns.
        items: one row per item, indexed by item id, as known before the first event; column `text`, other text
            columns are categories, number columns numbers (NaN if not known).
        changes: later versions of item rows in time order: `item`, `timestamp` and columns of `items`; a missing
            value means unchanged.
        users: one row per user, indexed by user id, known before the first event; columns as those of `items`.
    """

    events: pd.DataFrame | EventLog
    items: pd.DataFrame
    changes: pd.DataFrame | None = None
    users: pd.DataFrame | None = None


def validated(events: pd.DataFrame, items: pd.DataFrame, source: str) -> Interactions:
    """Checks a raw log and item table, sorts the log stably by time, and returns them as `Interactions`.

    Full duplicates of a row are kept (the same product scanned twice is normal) but counted in the log.

    Args:
        source: what to call the data in an error, such as the file's name.

    Raises:
        InputError: a missing column, a missing or unreadable value (with its row), events of items that
            the item table does not have, or no events at all.
    """
    require_columns(events, EVENT_COLUMNS, source)
    require_columns(items, ("text",), f"item table of {source}")
    if events.empty:
        raise InputError(f"{source} has no events: give a log with at least one row.")
    for column in EVENT_COLUMNS:
        _require_values(events, column, source)
    if not pd.api.types.is_datetime64_any_dtype(events["timestamp"]):
        raise InputError(
            f"{source}, column 'timestamp' has type {events['timestamp'].dtype}, not a date and time: "
            "convert it with pandas.to_datetime(..., unit=...)."
        )
    _require_finite(events, source)
    _require_known_items(events, items, source)
    repeated = int(events.duplicated().sum())
    if repeated:
        log.info("%s: %d of %d rows repeat an earlier row in %s", source, repeated, len(events), ", ".join(events))
    if not events["timestamp"].is_monotonic_increasing:
        log.info("%s is not in time order: sorted stably by timestamp", source)
        events = events.sort_values("timestamp", kind="stable")
    return Interactions(events.reset_index(drop=True), items)


def require_columns(table: pd.DataFrame, columns: Iterable[str], source: str) -> None:
    """Raises InputError unless the table has all of `columns`."""
    for column in columns:
        if column not in table.columns:
            raise InputError(
                f"{source} has no column '{column}' (it has {', '.join(map(str, table.columns))}): "
                "add it, or rename the column that holds it."
            )


def _require_values(events: pd.DataFrame, column: str, source: str) -> None:
    missing = np.flatnonzero(events[column].isna().to_numpy())
    if len(missing):
        raise InputError(
            f"{source}, row {missing[0]}, column '{column}' is missing ({len(missing)} such rows): "
            "fill it in or remove the rows."
        )


def _require_finite(events: pd.DataFrame, source: str) -> None:
    for column in events.select_dtypes("number").columns:
        bad = np.flatnonzero(~np.isfinite(events[column].to_numpy(dtype=float, na_value=np.nan)))
        if len(bad):
            raise InputError(
                f"{source}, row {bad[0]}, column '{column}' is NaN or infinite ({len(bad)} such rows): "
                "fill it in or remove the rows."
            )


def _require_known_items(events: pd.DataFrame, items: pd.DataFrame, source: str) -> None:
    if not items.index.is_unique:
        twice = items.index[items.index.duplicated()][0]
        raise InputError(f"item table of {source} has item {twice} more than once: keep one row per item.")
    unknown = np.flatnonzero(~events["item"].isin(items.index).to_numpy())
    if len(unknown):
        raise InputError(
            f"{source}, row {unknown[0]}: item {events['item'].iloc[unknown[0]]} is not in the item table "
            f"({len(unknown)} such rows): add the item or remove the rows."
        )
    textless = items["text"].isna()
    if textless.any():
        raise InputError(
            f"item table of {source}: item {items.index[textless][0]} has no text ({int(textless.sum())} "
            "such items): write an empty string where there is none."
        )
