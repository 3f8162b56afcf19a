"""What the requests of a period led to, and the facts that scores of it are cut by."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tfrec.data.history import History
from tfrec.data.requests import Requests


class LeakError(RuntimeError):
    """An artefact has seen events that are not earlier than those it is asked to predict."""


@dataclass(frozen=True)
class Truth:
    """What the requests of one period led to, and what was known before it.

    Requests stand in the order of how much their users bought before, so that a block's rows are of similar length.

    Args:
        requests: who asks, and for what.
        targets: per request the item rows bought in the period, -1 for an item not in the catalogue.
        bought: per request the item rows that its user bought before the period.
        popularity: `[catalogue]`, (user, period) pairs that bought each item before.
        age: `[catalogue]`, periods since each item was first bought; 1 is the period just before.
        items: the item table as of now, whose index has all ids of the catalogue; None if it is not needed.
        ids: `[catalogue]`, ids of the catalogue's items.
        period: its number.
    """

    requests: Requests
    targets: list[np.ndarray]
    bought: list[np.ndarray]
    popularity: np.ndarray
    age: np.ndarray
    items: pd.DataFrame | None = None
    ids: np.ndarray | None = None
    period: int = 0

    @classmethod
    def of(cls, events: pd.DataFrame, history: History, items: pd.DataFrame | None = None) -> "Truth":
        """The truth of a period, given the history before it.

        Raises:
            LeakError: the history has already seen the period.
        """
        refuse_future(history, events, "the history")
        requests, number = Requests.of(events, history)
        # An item is one target of a request, however often it was bought: hits above the ideal would be counted.
        once = ~pd.DataFrame({"request": number, "item": events["item"].to_numpy()}).duplicated().to_numpy()
        number, rows = number[once], history.items.rows(events["item"][once])
        order = np.argsort(number, kind="stable")
        targets = np.split(rows[order], np.cumsum(np.bincount(number))[:-1])
        bought = history.bought(requests.users)
        by_size = np.argsort([len(row) for row in bought], kind="stable")
        return cls(
            requests.take(by_size),
            [targets[u] for u in by_size],
            [bought[u] for u in by_size],
            history.popularity(),
            len(history) - history.first_period(),
            items,
            history.items.ids,
            int(events["period"].iloc[0]),
        )

    @property
    def catalogue(self) -> int:
        """Number of items to rank: all that anyone bought before."""
        return len(self.popularity)

    @property
    def users(self) -> np.ndarray:
        """`[requests]`, rows in the history's vocabulary, -1 for a user never seen."""
        return self.requests.users

    def flat_targets(self) -> tuple[np.ndarray, np.ndarray]:
        """The request and the item row of each target, `[targets]` int32 each."""
        return flat(self.targets)

    def take(self, chosen: np.ndarray) -> "Truth":
        """The truth of the requests `chosen`, in their order."""
        pick = [self.targets[r] for r in chosen], [self.bought[r] for r in chosen]
        return replace(self, requests=self.requests.take(chosen), targets=pick[0], bought=pick[1])


def refuse_future(artefact, events: pd.DataFrame, name: str) -> None:
    """Raises LeakError unless all that `artefact` has seen is of periods, and times, before those of `events`.

    Args:
        artefact: has `newest`, the time of the newest event seen (None at first), and `last_period`, its period.
    """
    period = events["period"].iloc[0]
    if artefact.last_period >= period or (artefact.newest or pd.Timestamp.min) > events["timestamp"].iloc[0]:
        raise LeakError(
            f"{name} has seen events of period {artefact.last_period}, up to {artefact.newest}: it cannot be scored "
            f"on period {period}."
        )


def flat(rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Lists of rows as two arrays `[entries]`, int32: the list that an entry is in, and the entry."""
    owner = np.repeat(np.arange(len(rows), dtype=np.int32), [len(row) for row in rows])
    return owner, np.concatenate(rows).astype(np.int32)


def padded(rows: list[np.ndarray]) -> np.ndarray:
    """Lists of rows as one matrix `[len(rows), longest]`, int32, filled with -1."""
    sizes = np.array([len(row) for row in rows])
    table = np.full((len(rows), max(1, sizes.max())), -1, np.int32)
    table[np.arange(table.shape[1]) < sizes[:, None]] = np.concatenate(rows)
    return table
