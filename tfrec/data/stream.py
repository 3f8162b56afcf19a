"""A log cut into periods, each of which is first scored and then learned from."""

import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype

from tfrec.data.interactions import Interactions
from tfrec.data.periods import rule, time_step
from tfrec.data.spans import Spans
from tfrec.errors import InputError, require

log = logging.getLogger(__name__)

PIECE = 1_000_000  # events of a log on disk that are held at once while it is cut


class Stream:
    """Periods of a log: calendar steps counted from the first event, numbers of events, or numbers of sessions.

    An event is *scored* with its period and *revealed* at the end of it, or later: after `delay`, or when its column
    `known` says that its label became known. The last, incomplete period is dropped. Users and items never seen
    before are kept. Within a period each (user, item), or (user, item, query), is one event: its first.

    Args:
        interactions: the log, its item table and what comes with them.
        period: a pandas time step such as `7D`, a number of events, or `500 sessions`; see `tfrec.data.periods`.
        session_gap: pause that ends a session.
        delay: how much later events become known: a number of periods, or a time step such as `3D`.
        positive: a pandas expression such as `click > 0` or `rating >= 4`: which events are targets; None takes all.
        distinct: whether repeats within a period are one event.
        users: keep only the events of the first so many users to appear (for quick trials).

    Raises:
        InputError: the log is shorter than one period, or an argument is not what it should be.
    """

    def __init__(
        self,
        interactions: Interactions,
        period: str | int = "7D",
        session_gap: str = "30min",
        delay: str | int = 0,
        positive: str | None = None,
        distinct: bool = True,
        users: int | None = None,
    ) -> None:
        require(
            isinstance(interactions, Interactions),
            f"stream=log cuts a log of events, and data is a {type(interactions).__name__}: for data=world choose "
            "stream=closed_loop.",
        )
        if users is not None and (not isinstance(users, int) or users < 1):
            raise InputError(f"stream.users is {users}: choose 1 or more, or null for all.")
        later = time_step(delay) >= pd.Timedelta(0) if isinstance(delay, str) else isinstance(delay, int) and delay >= 0
        require(later, f"stream.delay is {delay}: choose a number of periods from 0 on, or a time step such as 3D.")
        self.items, self.user_table = interactions.items, interactions.users
        self._changes, self._events = interactions.changes, interactions.events
        self._positive, self.distinct = positive, distinct
        self._scored, self._revealed = Spans(), Spans()
        cut = rule(period, session_gap)
        self.held_back = bool(delay) or cut.overlap  # whether events without late labels are revealed late, too
        self.starts = self._cut(cut, delay, period)
        self._users = None if users is None else self._first_users(users)
        targets(_rows(self._events, 0, 1), positive)  # a wrong expression is told now, not in the first period
        shown = _rows(self._events, 0, 1000).get("click")
        if positive is None and shown is not None and not shown.all():
            log.warning("the log has items that were shown and not clicked: with stream.positive=null they are targets")

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, t: int) -> pd.DataFrame:
        """Events that are scored with period t, in time order.

        Raises:
            InputError: the period has no events.
        """
        events = self.scored(t)
        if events.empty:
            raise InputError(
                f"Period {t} has no events, so there is nothing to score or to learn: use a longer "
                "stream.period, or cut the gap out of the log."
            )
        return events

    def scored(self, t: int) -> pd.DataFrame:
        """The same, where there may be none."""
        if not 0 <= t < len(self):
            raise IndexError(t)
        return self._read(self._scored, t)

    def revealed(self, t: int) -> pd.DataFrame:
        """Events that become known at the end of period t, in time order; there may be none.

        Their column `period` is the one that they are scored with.
        """
        if not (self.late and self.distinct):
            return self._read(self._revealed, t)
        # Which of several repeats is the event does not depend on which of them becomes known first.
        events = self._read(self._revealed, t, distinct=False)
        kept = [self._read(self._scored, period).index for period in events["period"].unique()]
        return events[events.index.isin(np.concatenate(kept))] if kept else events

    @property
    def has_quantities(self) -> bool:
        """Whether events say how much was bought."""
        return "quantity" in self._events.columns

    @property
    def late(self) -> bool:
        """Whether events may be revealed later than with the period that they are scored with."""
        return self._revealed is not self._scored

    def changes(self, t: int) -> pd.DataFrame | None:
        """Versions of item rows that become known in period t, in time order; None for a log without any."""
        if self._changes is None:
            return None
        first, last = np.searchsorted(self._changes["timestamp"].to_numpy(), self.starts[[t, t + 1]])
        return self._changes.iloc[first if t else 0 : last]  # what changed before the first event is not lost

    def _cut(self, cut, delay: str | int, period) -> np.ndarray:
        """Numbers the periods in which each event is scored and revealed; returns when the periods start."""
        for events in _pieces(self._events):
            self._scored.append(cut(events))
        self._scored.close()
        if cut.whole < 1:
            first, last = (_rows(self._events, n, n + 1)["timestamp"].iloc[0] for n in (0, len(self._events) - 1))
            raise InputError(
                f"The log spans {last - first} and has no whole period of {period}: shorten stream.period."
            )
        if not delay and not cut.overlap and "known" not in self._events.columns:
            self._revealed = self._scored
            return cut.starts
        first = 0
        for events in _pieces(self._events):
            scored = self._scored.at(np.arange(first, first + len(events)))
            self._revealed.append(_known(events, scored, cut, delay))
            first += len(events)
        self._revealed.close()
        return cut.starts

    def _first_users(self, number: int) -> pd.Index:
        users = pd.Index([])
        for events in _pieces(self._events):
            users = users.append(pd.Index(events["user"].unique())).unique()[:number]
            if len(users) == number:
                break
        return users

    def _read(self, spans: Spans, t: int, distinct: bool = True) -> pd.DataFrame:
        rows = spans.of(t)
        if not len(rows):
            return _rows(self._events, 0, 0).assign(period=t)
        events = _rows(self._events, rows[0], rows[-1] + 1).iloc[rows - rows[0]].assign(period=self._scored.at(rows))
        if self._users is not None:
            events = events[events["user"].isin(self._users)]
        events = targets(events, self._positive)
        if self.distinct and distinct:
            keys = ("period", "user", "item", "query") if self.late else ("user", "item", "query")
            events = events.drop_duplicates([key for key in keys if key in events])
        return events


def targets(events: pd.DataFrame, positive: str | None) -> pd.DataFrame:
    """The events for which the pandas expression `positive` holds; all, if it is None.

    Raises:
        InputError: it cannot be computed from the events' columns.
    """
    if positive is None:
        return events
    try:
        holds = events.eval(positive)
        require(is_bool_dtype(holds), f"it gives {getattr(holds, 'dtype', 'one value')}, not true or false")
        return events[holds.astype(bool)]
    except Exception as error:  # pandas raises whatever the expression ran into
        raise InputError(
            f"stream.positive is '{positive}', which cannot be computed from the columns "
            f"{', '.join(events.columns)}: write for example 'click > 0' ({error})."
        ) from error


def _known(events: pd.DataFrame, scored: np.ndarray, cut, delay: str | int) -> np.ndarray:
    """Period at whose end each event is revealed, never before the one it is scored with, `[n]`."""
    time = events["known"] if "known" in events else events["timestamp"]
    if isinstance(delay, str):
        time, delay = time + time_step(delay), 0
    happens = np.searchsorted(cut.starts, time.to_numpy(), side="right") - 1
    late = cut.overlap | (time > events["timestamp"]).to_numpy()
    return np.where(late, np.maximum(scored, happens), scored) + delay


def _rows(events, start: int, stop: int) -> pd.DataFrame:
    return events.iloc[start:stop] if isinstance(events, pd.DataFrame) else events.rows(start, stop)


def _pieces(events) -> Iterator[pd.DataFrame]:
    return iter([events]) if isinstance(events, pd.DataFrame) else events.pieces(PIECE)
