"""The one form in which every dataset arrives: events in time order and the table of items."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from tfrec.data.log import EventLog
from tfrec.data.schema import EVENT_COLUMNS, TIMES, event_schema, table_violations, version_schema, violations
from tfrec.data.violations import Violations
from tfrec.errors import InputError, require

log = logging.getLogger(__name__)


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


def validated(
    events: pd.DataFrame,
    items: pd.DataFrame,
    source: str,
    changes: pd.DataFrame | None = None,
    users: pd.DataFrame | None = None,
) -> Interactions:
    """Checks tables in memory by the rules of `schema.py`, sorts by time (stably), and returns `Interactions`.

    Full duplicates of a row are kept (the same product scanned twice is normal) but counted in the log. Times with a
    zone become UTC without one.

    Args:
        events, items, changes, users: as in `Interactions`, in any order of time.
        source: what to call the data in an error, such as the file's name.

    Raises:
        InputError: a missing column, no events, or values that are not valid: all kinds of them with their
            counts, the first ones with row (counted from 0) and column.
    """
    require_columns(events, EVENT_COLUMNS, source)
    require_columns(items, ("text",), f"item table of {source}")
    if events.empty:
        raise InputError(f"{source} has no events: give a log with at least one row.")
    found = Violations()
    events = _utc(events)
    found.add(violations(events, event_schema(events, items.index)), source)
    found.add(table_violations(items, "item"), f"item table of {source}", unit="item")
    if users is not None:
        found.add(table_violations(users, "user"), f"users table of {source}", unit="user")
    if changes is not None:
        name = f"item versions of {source}"
        require_columns(changes, ("item", "timestamp"), name)
        unknown = [str(column) for column in changes if column not in {"item", "timestamp", *items}]
        require(not unknown, f"{name} have columns that the item table lacks ({', '.join(unknown)}): add them there.")
        changes = _utc(changes)
        found.add(violations(changes, version_schema(changes, items.index)), name)
    found.raise_if_any()
    repeated = int(events.duplicated().sum())
    if repeated:
        log.info("%s: %d of %d rows repeat an earlier row in %s", source, repeated, len(events), ", ".join(events))
    return Interactions(_sorted(events, source), items, changes if changes is None else _sorted(changes, name), users)


def require_columns(table: pd.DataFrame, columns: Iterable[str], source: str) -> None:
    """Raises InputError unless the table has all of `columns`."""
    for column in columns:
        if column not in table.columns:
            raise InputError(
                f"{source} has no column '{column}' (it has {', '.join(map(str, table.columns))}): "
                "add it, or rename the column that holds it."
            )


def _utc(table: pd.DataFrame) -> pd.DataFrame:
    aware = [name for name in TIMES if name in table and isinstance(table[name].dtype, pd.DatetimeTZDtype)]
    return table.assign(**{name: table[name].dt.tz_convert(None) for name in aware})


def _sorted(table: pd.DataFrame, source: str) -> pd.DataFrame:
    if not table["timestamp"].is_monotonic_increasing:
        log.info("%s is not in time order: sorted stably by timestamp", source)
        table = table.sort_values("timestamp", kind="stable")
    return table.reset_index(drop=True)
