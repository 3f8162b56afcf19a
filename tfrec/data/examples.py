"""What a model learns from: (query, item) pairs, cut into batches of one shape."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from tfrec.errors import require


@dataclass(frozen=True)
class Examples:
    """Purchases of one or more periods, each with the query features that held just before its period.

    Args:
        queries: query features, each `[queries, ...]`, one row per (user, period).
        query: `[examples]`, the row in `queries`.
        item: `[examples]`, the item row.
        labels: what the model is to predict of each example, by the event's column, each `[examples]`.
        times: `[examples]`, when each event happened, int64 nanoseconds; None where an example is more than one event.
    """

    queries: dict[str, np.ndarray]
    query: np.ndarray
    item: np.ndarray
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    times: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.item)

    @staticmethod
    def concatenate(parts: list["Examples"]) -> "Examples":
        """All examples of several periods."""
        offsets = np.cumsum([0] + [len(next(iter(part.queries.values()))) for part in parts[:-1]])
        if len(parts) == 1:
            return parts[0]
        queries = {key: np.concatenate([part.queries[key] for part in parts]) for key in parts[0].queries}
        query = np.concatenate([part.query + offset for part, offset in zip(parts, offsets, strict=True)])
        labels = {key: np.concatenate([part.labels[key] for part in parts]) for key in parts[0].labels}
        timed = all(part.times is not None for part in parts)
        times = np.concatenate([part.times for part in parts]) if timed else None
        return Examples(queries, query, np.concatenate([part.item for part in parts]), labels, times)

    def batches(
        self, candidates: dict, size: int, rng: np.random.Generator, order: str = "random", parts: int = 1
    ) -> Iterator[dict[str, np.ndarray]]:
        """One epoch. The last batches are filled up with rows drawn again, so that shapes never change.

        Args:
            candidates: candidate features of every item row, each `[items, ...]`.
            order: `random`, or `time`, as they came. parts: of which the number of batches is a multiple.
        """
        rows = rng.permutation(len(self)) if order == "random" else np.arange(len(self))
        short = -len(rows) % (size * parts)
        rows = np.concatenate([rows, rng.choice(len(self), short, replace=short > len(self))])
        for start in range(0, len(rows), size):
            yield self.rows(rows[start : start + size], candidates)

    def take(self, chosen: np.ndarray) -> "Examples":
        """The examples `chosen`, by number or as a mask, with all queries."""
        labels = {key: values[chosen] for key, values in self.labels.items()}
        times = None if self.times is None else self.times[chosen]
        return replace(self, query=self.query[chosen], item=self.item[chosen], labels=labels, times=times)

    def rows(self, chosen: np.ndarray, candidates: dict) -> dict[str, np.ndarray]:
        """Features of the examples `chosen`, `[n, ...]` each: of the query, of the item, and the labels."""
        query, item = self.query[chosen], self.item[chosen]
        batch = {key: values.take(query, axis=0) for key, values in self.queries.items()}
        batch.update({key: values[item] for key, values in candidates.items()})
        batch.update({key: values[chosen] for key, values in self.labels.items()})
        return batch


@dataclass(frozen=True)
class Update:
    """One update of a model: what was learned, in which period.

    Args:
        period: number of the period whose events were just revealed.
        examples: what is learned from.
        candidates: candidate features of every item row, each `[items, ...]`, with `log_q`.
        fresh: number of the first example that no earlier update has learned.
        periods: `[examples]`, in which period each was revealed; None: all in `period`.
    """

    period: int
    examples: Examples
    candidates: dict[str, np.ndarray]
    fresh: int = 0
    periods: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.periods is None:
            object.__setattr__(self, "periods", np.full(len(self.examples), self.period))

    def between(self, since, before) -> "Update":
        """The update without the examples of `period` that came before `since`, or not before `before`; None: any."""
        if since is None and before is None:
            return self
        times = self.examples.times
        kept = np.ones(len(times), bool)
        if since is not None:
            kept &= (times >= since) | (self.periods < self.period)
        if before is not None:
            kept &= (times < before) | (self.periods < self.period)
        fresh = int(kept[: self.fresh].sum())
        return replace(self, examples=self.examples.take(kept), periods=self.periods[kept], fresh=fresh)

    def first_rows(self) -> dict[str, np.ndarray]:
        """A batch of two examples, for creating variables: in-batch losses need a second candidate."""
        return self.examples.rows(np.array([0, len(self.examples) - 1]), self.candidates)


def labels_of(events: pd.DataFrame, wanted: Sequence[str]) -> dict[str, np.ndarray]:
    """The event columns that a model learns from, `[events]` float32 by name.

    Raises:
        InputError: the log has no such column.
    """
    for name in wanted:
        require(
            name in events,
            f"The model learns from the event column '{name}', which the log does not have (it has "
            f"{', '.join(events)}): choose data with it, or another model.label.",
        )
    return {name: events[name].to_numpy(np.float32) for name in wanted}
