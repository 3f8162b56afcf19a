"""The hour, the weekday and the month of an event where the shop is."""

import zoneinfo

import numpy as np
import pandas as pd

from tfrec.data.interactions import require_columns
from tfrec.data.steps.columns import named, require_names, require_switch, source, with_new
from tfrec.data.steps.step import Step
from tfrec.errors import InputError, require

NAMES = {
    "hour": [f"hour {hour:02d}" for hour in range(24)],
    "weekday": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "month": [f"month {month:02d}" for month in range(1, 13)],
}


class Time(Step):
    """Adds `hour`, `weekday` and `month` of the local time to events, as strings: "hour 07", "Monday", "month 12".

    With `cyclic` also `<part>_sin` and `<part>_cos` (float32), `sin(2 pi p)` and `cos(2 pi p)`, where p in [0, 1) is
    the part that has passed of the day (hour), of the week from Monday on (weekday) or of the year (month:
    `(month - 1 + (day - 1) / days of the month) / 12`). Nothing is fitted.

    Args:
        timezone: a name of the IANA time zone database, such as Europe/Berlin; events carry UTC.
        parts: which of hour, weekday and month.
        cyclic: whether to add the sines and cosines.

    Raises:
        InputError: a time zone or a part that does not exist; `timestamp` is missing or holds no times.
    """

    def __init__(
        self, timezone: str = "UTC", parts: list[str] = ("hour", "weekday", "month"), cyclic: bool = False
    ) -> None:
        try:
            self.timezone = zoneinfo.ZoneInfo(timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
            raise InputError(
                f"step.time.timezone is {timezone!r}, which is no time zone: write UTC or a name such as Europe/Berlin."
            ) from error
        self.parts = require_names("time", "parts", parts)
        require(
            bool(self.parts) and set(self.parts) <= set(NAMES),
            f"step.time.parts is {self.parts}: choose among {', '.join(NAMES)}.",
        )
        require_switch("time", "cyclic", cyclic)
        self.cyclic = cyclic

    def events(self, events: pd.DataFrame) -> pd.DataFrame:
        """The events with the parts of their local time."""
        where = source("time", "events")
        require_columns(events, ("timestamp",), where)
        require(
            pd.api.types.is_datetime64_any_dtype(events["timestamp"]),
            f"{where}, column 'timestamp' holds {events['timestamp'].dtype}, not times: use pandas.to_datetime.",
        )
        local = self._local(events["timestamp"])
        numbers = {"hour": local.hour, "weekday": local.day_of_week, "month": local.month - 1}
        new = {part: named(NAMES[part], numbers[part].to_numpy(), events.index) for part in self.parts}
        for part in self.parts if self.cyclic else ():
            angle = 2 * np.pi * _passed(local, part)
            new[f"{part}_sin"] = np.sin(angle).astype(np.float32)
            new[f"{part}_cos"] = np.cos(angle).astype(np.float32)
        return with_new(events, new, where)

    def _local(self, times: pd.Series) -> pd.DatetimeIndex:
        times = pd.DatetimeIndex(times)
        times = times.tz_localize("UTC") if times.tz is None else times
        return times.tz_convert(self.timezone).tz_localize(None)  # a plain clock: parts are read off faster


def _passed(local: pd.DatetimeIndex, part: str) -> np.ndarray:
    """The part of the day, the week or the year that has passed, `[n]` in [0, 1)."""
    if part == "month":
        days = (local.day - 1) / local.days_in_month
        return ((local.month - 1 + days) / 12).to_numpy()
    day = ((local - local.normalize()) / pd.Timedelta("1D")).to_numpy()
    return day if part == "hour" else (local.day_of_week.to_numpy() + day) / 7
