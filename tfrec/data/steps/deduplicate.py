"""Double clicks and retries counted once."""

import numpy as np
import pandas as pd

from tfrec.data.interactions import require_columns
from tfrec.data.steps.columns import require_names, source
from tfrec.data.steps.step import Step
from tfrec.errors import InputError

WHO_AND_WHAT = ("user", "item", "query")
LABELS = ("click", "purchase", "rating", "spend", "quantity")


class Deduplicate(Step):
    """Drops an event that repeats an earlier one: `time - time of the last event of the same key <= within`.

    An event that is dropped counts as the last one too, so a chain of clicks, each soon after the one before it,
    is one event: its first. The order of what stays, its index and its types are kept. What is fitted is the time
    of each key's last event, kept for `within` after it; in the first period only the period itself is looked at.
    With a log in time order the result does not depend on where periods are cut.

    Args:
        within: a pandas time step such as `30min`.
        by: columns of the key. None is user, item, query and the labels click, purchase, rating, spend and
            quantity, as far as the log has them: a purchase does not repeat the click before it.

    Raises:
        InputError: `within` is not a positive time step, or a column is missing.
    """

    def __init__(self, within: str = "30min", by: list[str] | None = None) -> None:
        self.within = _time_step(within)
        self.by = None if by is None else require_names("deduplicate", "by", by)
        if self.by is not None and (not self.by or "timestamp" in self.by):
            raise InputError(f"step.deduplicate.by is {self.by}: name columns such as [user, item], or null.")
        self._last: pd.DataFrame | None = None

    def events(self, events: pd.DataFrame) -> pd.DataFrame:
        """The events that repeat none of the last `within`."""
        key = self._key(events)
        seen = events[[*key, "timestamp"]]
        known = self._last if self._last is not None and len(events) else events.iloc[:0]
        if len(known):
            seen = pd.concat([known, seen])
        # The last event of each key is the row above, once rows are sorted by key and time; a label that comes late
        # is of an event before others that are known, and repeats none of them.
        group = seen.groupby(key, sort=False, dropna=False, observed=True).ngroup()
        order = np.lexsort((seen["timestamp"].to_numpy(), group.to_numpy()))
        group, time = group.iloc[order], seen["timestamp"].iloc[order]
        repeats = np.zeros(len(seen), bool)
        repeats[order] = ((group.diff() == 0) & (time.diff() <= self.within)).to_numpy()
        return events[~repeats[len(known) :]]

    def fit(self, events: pd.DataFrame, items: pd.DataFrame) -> None:
        """Keeps the last event of each key of the last `within`."""
        if events.empty:
            return
        key = self._key(events)
        start = events["timestamp"].iloc[-1] - self.within
        seen = events[[*key, "timestamp"]]
        if self._last is not None:
            seen = pd.concat([self._last, seen])
        recent = seen[seen["timestamp"] >= start]
        self._last = recent.drop_duplicates(key, keep="last").reset_index(drop=True)

    def _key(self, events: pd.DataFrame) -> list[str]:
        where = source("deduplicate", "events")
        require_columns(events, ["timestamp", *(self.by or WHO_AND_WHAT[:2])], where)
        return self.by or [name for name in (*WHO_AND_WHAT, *LABELS) if name in events]


def _time_step(within: str) -> pd.Timedelta:
    try:
        step = pd.Timedelta(within) if isinstance(within, str) else pd.NaT
    except ValueError:
        step = pd.NaT
    if pd.isna(step) or step <= pd.Timedelta(0):
        raise InputError(f"step.deduplicate.within is {within!r}: write a positive time step such as 30min or 2h.")
    return step
