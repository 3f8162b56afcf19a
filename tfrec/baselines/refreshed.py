"""Any baseline, made anew only every so many periods."""

from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require

T = TypeVar("T")


class Periodic(Generic[T]):
    """Something made of a history, kept until it is due again; when that is follows from the stream alone.

    It is made before the first scored period, then every `every` periods; a resumed run makes it of the same past.

    Args:
        make: from a history, which goes on afterwards.
        every: periods from one making to the next; None makes it once.
        kept: how many stay in memory, those asked for last, for who asks about several pasts in turn.

    Raises:
        InputError: `every` is less than one.
    """

    def __init__(self, make: Callable[[History], T], every: int | None = 1, kept: int = 1) -> None:
        require(every is None or every >= 1, f"baseline: every is {every}: choose 1 or more periods, or null for once.")
        self._make, self._every, self._kept = make, every, kept
        self._first, self._made = None, {}

    def start(self, state) -> None:
        """The end of the base: the next period is the first scored one."""
        self._first = len(state.history)

    def __call__(self, history: History) -> T:
        """What was made of `history` as it was when this was last due."""
        if self._first is None:
            self._first = len(history)
        later = max(0, len(history) - self._first)
        wait = later if self._every is None else later % self._every
        past = history.until(len(history) - wait)
        key = past.digest
        made = self._made.pop(key) if key in self._made else self._make(past if wait else history)
        self._made = dict([*self._made.items(), (key, made)][-self._kept :])
        return made


class Refreshed:
    """A baseline that knows the past only up to its last refresh.

    Items that came later are missing from its ranking, and users who came later are unknown to it.

    Args:
        of: the baseline.
        every: periods from one refresh to the next; None freezes it at the end of the base.

    Raises:
        InputError: `every` is below 1, or `of` does not rank by the history alone because it keeps a state.
    """

    partial = True  # the catalogue

    def __init__(self, of, every: int | None = None) -> None:
        require(
            hasattr(of, "score") and not hasattr(of, "restore"),
            f"A refreshed baseline cannot be of {type(of).__name__}, which does not rank by the history alone: choose "
            "another one for 'of'.",
        )
        self.of, self._past = of, Periodic(History.copy, every)

    def know(self, items: pd.DataFrame) -> None:
        """Takes the item table as it is before the first event."""
        if hasattr(self.of, "know"):
            self.of.know(items)

    def start(self, state) -> None:
        """The end of the base is the first refresh."""
        self._past.start(state)
        if hasattr(self.of, "start"):
            self.of.start(state)

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue at the last refresh]`."""
        past = self._past(history)
        known = np.where(requests.users < len(past.users), requests.users, -1)
        return self.of.score(past, replace(requests, users=known))
