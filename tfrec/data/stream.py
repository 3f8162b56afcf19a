"""A log cut into periods, each of which is first scored and then learned from."""

import numpy as np
import pandas as pd

from tfrec.data.interactions import Interactions
from tfrec.errors import InputError


class Stream:
    """Periods of a log: calendar steps counted from the first event, or fixed numbers of events.

    Event i is in period `floor((timestamp_i - timestamp_0) / period)`, or `i // period` for a count. The last,
    incomplete period is dropped. Within a period each (user, item) is one event: its first.

    Args:
        interactions: the log and its item table.
        period: a pandas time step such as `7D`, or a number of events.
        users: keep only the events of the first so many users to appear (for quick trials).

    Raises:
        InputError: the log is shorter than one period, the period is not a positive step, or `users` not a number.
    """

    def __init__(self, interactions: Interactions, period: str | int = "7D", users: int | None = None) -> None:
        self.items = interactions.items
        if users is not None and (not isinstance(users, int) or users < 1):
            raise InputError(f"stream.users is {users}: choose 1 or more, or null for all.")
        events = interactions.events
        first, last = events["timestamp"].iloc[[0, -1]]
        if isinstance(period, int):
            number = np.arange(len(events)) // _positive(period, period)
            whole = len(events) // period
        else:
            step = _positive(_step(period), period)
            number = ((events["timestamp"] - first) // step).to_numpy()
            whole = int((last - first) // step)
        if whole < 1:
            raise InputError(
                f"The log spans {last - first} and has no whole period of {period}: shorten stream.period."
            )
        events = events.assign(period=number)[number < whole]
        if users is not None:
            events = events[events["user"].isin(events["user"].unique()[:users])]
        events = events.drop_duplicates(["period", "user", "item"])
        self._edges = np.searchsorted(events["period"].to_numpy(), np.arange(whole + 1))
        self._events = events

    def __len__(self) -> int:
        return len(self._edges) - 1

    def __getitem__(self, t: int) -> pd.DataFrame:
        """Events of period t in time order.

        Raises:
            InputError: the period has no events.
        """
        if not 0 <= t < len(self):
            raise IndexError(t)
        if self._edges[t] == self._edges[t + 1]:
            raise InputError(
                f"Period {t} has no events, so there is nothing to score or to learn: use a longer "
                "stream.period, or cut the gap out of the log."
            )
        return self._events.iloc[self._edges[t] : self._edges[t + 1]]


def _step(period: str) -> pd.Timedelta:
    try:
        step = pd.Timedelta(period)
    except ValueError:
        step = pd.NaT
    if pd.isna(step) or isinstance(period, float):  # pandas would read 7.5 as nanoseconds
        raise InputError(f"The period '{period}' is not a time step: write for example 7D or 12h.")
    return step


def _positive(step, period):
    if step <= type(step)(0):
        raise InputError(f"The period {period} is not positive: write for example 7D, or a number of events.")
    return step
