"""Who asks, and for what: the unit that is ranked and scored."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tfrec.data.history import History

# What is known only after the answer, or tells it: outcomes, and what describes the item that was shown or bought.
# Neither these nor what is made of them (`spend_bucket`, `price_relative`) is offered as context.
OUTCOMES = frozenset(
    ("item", "timestamp", "period", "known", "click", "purchase", "rating", "spend", "quantity", "coupon", "discount")
    + ("price", "affinity", "position", "propensity", "slate", "pctr", "pcvr")
)


@dataclass(frozen=True)
class Requests:
    """One row a (user, period), or a (user, query, period) where the log has search queries.

    Args:
        users: `[n]`, rows in the history's vocabulary, -1 for a user never seen.
        ids: `[n]`, their raw ids.
        queries: `[n]`, the query texts, "" where nothing was searched; None for a log without queries.
        context: other columns of the request's first event, by name, `[n]` each.
    """

    users: np.ndarray
    ids: np.ndarray | None = None
    queries: np.ndarray | None = None
    context: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.users)

    @property
    def key(self) -> tuple:
        """Equal for requests of the same users for the same queries, in the same order."""
        return self.users.tobytes(), () if self.queries is None else tuple(self.queries)

    @classmethod
    def of(cls, events: pd.DataFrame, history: History) -> tuple["Requests", np.ndarray]:
        """The requests of events in the order of their first events, and each event's request `[events]`."""
        number, first = numbered(events)
        rows = events.iloc[first]
        context = {name: rows[name].to_numpy() for name in offered(rows.columns)}
        queries = rows["query"].to_numpy() if "query" in rows else None
        return cls(history.users.rows(rows["user"]), rows["user"].to_numpy(), queries, context), number

    def take(self, order: np.ndarray) -> "Requests":
        """The requests `order`."""
        pick = lambda values: None if values is None else values[order]  # noqa: E731
        context = {name: values[order] for name, values in self.context.items()}
        return Requests(self.users[order], pick(self.ids), pick(self.queries), context)


def offered(columns: Iterable[str]) -> list[str]:
    """The columns that tell nothing of the answer, in order."""
    made = tuple(f"{name}_" for name in OUTCOMES)
    return [name for name in columns if name not in {*OUTCOMES, "user", "query"} and not name.startswith(made)]


def numbered(events: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Each event's request `[events]`, and the place of each request's first event `[requests]`."""
    number = np.zeros(len(events), np.int64)
    for key in ("period", "user", "query"):
        if key in events:
            codes, different = pd.factorize(events[key])
            number = pd.factorize(number * max(1, len(different)) + codes)[0]
    return number, first_of_each(number)


def first_of_each(number: np.ndarray) -> np.ndarray:
    """Places `[k]` at which 0, 1, ..., k - 1 appear for the first time, of numbers given in order of appearance."""
    return np.flatnonzero(np.diff(np.maximum.accumulate(number), prepend=-1))
