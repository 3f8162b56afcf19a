"""Rules that cut a log into periods: by the calendar, by number of events, by whole sessions."""

import numpy as np
import pandas as pd

from tfrec.errors import InputError, require


class Calendar:
    """Event i is in period `floor((timestamp_i - timestamp_0) / step)`.

    A rule is called on the pieces of a log in their order; then `whole` is the number of complete periods and
    `starts` the times at which they begin, with one more for the end of the last, `[whole + 1]`.
    """

    overlap = False  # whether events of a period may happen after the next one has begun

    def __init__(self, step: pd.Timedelta) -> None:
        self.step, self.first, self.last = step, None, None

    def __call__(self, events: pd.DataFrame) -> np.ndarray:
        """Period of each event, int `[n]`."""
        self.first = events["timestamp"].iloc[0] if self.first is None else self.first
        self.last = events["timestamp"].iloc[-1]
        return ((events["timestamp"] - self.first) // self.step).to_numpy()

    @property
    def whole(self) -> int:
        return int((self.last - self.first) // self.step)

    @property
    def starts(self) -> np.ndarray:
        return pd.date_range(self.first, periods=self.whole + 1, freq=self.step).to_numpy()


class Count:
    """Event i is in period `i // size`."""

    overlap = False

    def __init__(self, size: int) -> None:
        self.size, self.events, self._starts = size, 0, []

    def __call__(self, events: pd.DataFrame) -> np.ndarray:
        number = self.events + np.arange(len(events))
        self.events += len(events)
        self._starts.append(events["timestamp"].to_numpy()[number % self.size == 0])
        self._last = events["timestamp"].to_numpy()[-1:]
        return number // self.size

    @property
    def whole(self) -> int:
        return self.events // self.size

    @property
    def starts(self) -> np.ndarray:
        return np.concatenate([*self._starts, self._last])[: self.whole + 1]


class Sessions:
    """A user's session ends with a pause longer than `gap`; session k, by time of its first event, is in `k // size`.

    No session is split: the events of one that goes on when the next period begins are scored with the period in
    which it began. They are revealed with the period in which they happen, so that nothing learns too early.
    """

    overlap = True

    def __init__(self, size: int, gap: pd.Timedelta) -> None:
        self.size, self.gap = size, gap
        self.sessions, self._starts = 0, []
        self._open = pd.DataFrame({"time": [], "session": []})  # by user: the last event and its session

    def __call__(self, events: pd.DataFrame) -> np.ndarray:
        user, time = events["user"], events["timestamp"]
        last = time.groupby(user).shift()
        first_here = last.isna()
        last = last.fillna(user.map(self._open["time"])) if len(self._open) else last
        begins = ~(time - last <= self.gap)  # also where there is no last event
        number = np.where(begins, self.sessions + np.cumsum(begins) - 1, -1)
        goes_on = (first_here & ~begins).to_numpy()
        if goes_on.any():
            number[goes_on] = user[goes_on].map(self._open["session"])
        number = pd.Series(number, events.index).where(number >= 0).groupby(user).ffill().astype(int)
        boundary = begins & (number % self.size == 0)
        self._starts.append(time[boundary].to_numpy())
        self.sessions += int(begins.sum())
        seen = pd.DataFrame({"time": time, "session": number}).groupby(user).last()
        still_open = self._open[time.iloc[-1] - self._open["time"] <= self.gap] if len(self._open) else seen[:0]
        self._open = pd.concat([still_open[~still_open.index.isin(seen.index)], seen])
        self._last = time.to_numpy()[-1:]
        return number.to_numpy() // self.size

    @property
    def whole(self) -> int:
        return self.sessions // self.size

    @property
    def starts(self) -> np.ndarray:
        return np.concatenate([*self._starts, self._last])[: self.whole + 1]


def rule(period: str | int, session_gap: str = "30min") -> Calendar | Count | Sessions:
    """The rule that `period` names: `7D` (a pandas time step), `10000` (events) or `500 sessions`.

    Raises:
        InputError: it is none of these, or not positive.
    """
    if isinstance(period, int) and not isinstance(period, bool):
        return Count(_positive(period, period))
    if isinstance(period, str) and period.endswith(" sessions"):
        number = period.removesuffix(" sessions")
        require(number.isdigit(), f"The period '{period}' has no number of sessions: write for example '500 sessions'.")
        return Sessions(_positive(int(number), period), _positive(time_step(session_gap), session_gap))
    return Calendar(_positive(time_step(period), period))


def time_step(step: str) -> pd.Timedelta:
    """A pandas time step such as `7D`.

    Raises:
        InputError: it is none.
    """
    try:
        found = pd.Timedelta(step)
    except ValueError:
        found = pd.NaT
    if pd.isna(found) or not isinstance(step, str):  # pandas would read 7.5 as nanoseconds
        raise InputError(f"The period '{step}' is not a time step: write for example 7D or 12h.")
    return found


def _positive(step, period):
    if step <= type(step)(0):
        raise InputError(f"The period {period} is not positive: write for example 7D, or a number of events.")
    return step
