"""What is known of a stream, and what of it can be learned."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from tfrec.data.catalogue import Catalogue
from tfrec.data.examples import Examples, labels_of
from tfrec.data.history import History
from tfrec.data.requests import Requests, first_of_each
from tfrec.data.spool import Spool
from tfrec.data.steps.apply import transform_events
from tfrec.data.stream import Stream
from tfrec.data.truth import Truth
from tfrec.data.users import with_attributes
from tfrec.learner import Learner
from tfrec.loops.asked import Asked
from tfrec.loops.serving import admitted, answers


class Observed:
    """Periods as they come: truth before one is known, then its features, its examples and room for new ids.

    Attributes: `held_out`, which says of events `[n]` which are never learned from (bool); None learns from all.
    `learned_from`, the first period whose events are kept as examples; those before fill the history only. `sizes`,
    the number of examples of each period.
    """

    def __init__(self, stream: Stream, model, learner: Learner, steps: Sequence) -> None:
        self.stream, self.model, self.learner, self.steps = stream, model, learner, list(steps)
        self.history = History(stream.has_quantities)
        self.catalogue = Catalogue(stream, self.steps)
        model.begin(self.catalogue.items)
        self._asked = Asked(stream)
        self.sizes: list[int] = []
        self.held_out: Callable | None = None
        self.learned_from = 0
        self._examples = Spool()

    def truth(self, t: int) -> Truth:
        """What period t is scored on: its requests, for which the model makes room, and what they led to."""
        events = self.prepared(self.stream[t])
        # In the order in which `observe` meets them: a resumed run, which scores nothing of the past, has the same.
        self.admit(Requests.of(events, self.history)[0])
        return Truth.of(events, self.history, self.catalogue.items)

    def requests(self, t: int) -> Requests:
        """The requests of period t, in the order of their first events; there may be none."""
        return Requests.of(self.prepared(self.stream.scored(t)), self.history)[0]

    def observe(self, t: int) -> dict[str, int]:
        """Reveals period t: takes the features of before it, then adds it to the history and makes room.

        Returns:
            counts for the log, by tag.
        """
        if answers(self.stream):
            admitted(self, self.stream.asked(t))  # a resumed run, which serves nothing of the past, makes the same room
        raw = self.stream.revealed(t)
        events = self.prepared(raw)
        requests, query = Requests.of(events, self.history)
        learned = t >= self.learned_from
        past = {}
        if learned or self.stream.late:  # a later period may reveal what these requests led to
            past = self._past(t, lambda: raw.loc[events.index[first_of_each(query)]], requests)
        else:
            self.admit(requests)
        known = len(self.history.items)
        _, items = self.history.observe(events)
        new = self.history.items.of(np.arange(known, len(self.history.items)))
        self.catalogue.observe(t, raw, pd.Index(new))
        self._make_room()
        requests = replace(requests, users=self.history.users.rows(requests.ids))
        counts = self.model.counts() | {"items/changed": len(self.catalogue.changed)}
        if learned:
            self._keep_examples(t, events, requests, {"query": query, "item": items}, past)
        else:
            self._examples.append({})
            self.sizes.append(0)
        return {f"vocabulary/{name}": count for name, count in counts.items()}

    def _keep_examples(self, t: int, events: pd.DataFrame, requests: Requests, pairs: dict, past: dict) -> None:
        """Writes what is to be learned of period t."""
        users = self.model.features.users(self.history, requests)
        labels = labels_of(events, getattr(self.model, "labels", ()))
        labels = {f"label/{name}": values for name, values in labels.items()}
        pairs |= labels
        times = events["timestamp"].to_numpy("datetime64[ns]").astype(np.int64)
        if self.held_out is not None:
            learned = ~self.held_out(events)
            pairs, times = {key: values[learned] for key, values in pairs.items()}, times[learned]
        pairs, queries = self.model.examples(t, pairs, users | past)
        if self.model.rows_per_example == 1:
            pairs["event/time"] = times
        self._examples.append(pairs | queries)
        self.sizes.append(len(pairs["item"]))

    def _past(self, t: int, first: Callable, requests: Requests) -> dict[str, np.ndarray]:
        """Query features of before period t, or of before the periods in which late requests came.

        Args:
            first: gives each request's first event, as it came.
        """
        features = self.model.features
        if not self.stream.late:
            self.admit(requests)
            return features.past(self.history, requests)
        asked = self.stream.scored(t)
        self.admit(Requests.of(self.prepared(asked), self.history)[0])
        self.admit(requests)  # what steps have learned since may have given a late request another context
        self._asked.remember(features.past(self.history, Requests.of(asked, self.history)[0]))
        return self._asked.of(first()) if len(requests) else features.past(self.history, requests)

    def examples(self, t: int) -> Examples:
        """What period t gave to learn from."""
        arrays = self._examples[t]
        labels = {key.removeprefix("label/"): arrays.pop(key) for key in list(arrays) if key.startswith("label/")}
        query, item, times = arrays.pop("query"), arrays.pop("item"), arrays.pop("event/time", None)
        return Examples(arrays, query, item, labels, times)

    def examples_in(self, periods: range) -> int:
        """Number of examples of the periods."""
        return sum(self.sizes[t] for t in periods)

    def prepared(self, events: pd.DataFrame) -> pd.DataFrame:
        """Events after all steps, with the attributes of their users beside them."""
        events = transform_events(self.steps, events)
        if self.steps and "item" in events and self.stream.distinct:  # queries that differed may be the same now
            events = events.drop_duplicates([key for key in ("period", "user", "item", "query") if key in events])
        return with_attributes(events, self.stream.user_table)

    def admit(self, requests: Requests) -> None:
        """Lets the model make room for what requests ask."""
        if self.model.admit(requests):
            self.learner.rebuild()

    def _make_room(self) -> None:
        if self.model.grow(self.history, self.catalogue.items, self.catalogue.touched):
            self.learner.rebuild()
        for variable, rows in self.model.reused_rows():
            self.learner.restart(variable, rows)
        if self.learner.steps:  # before anything is learned, there is nothing to start from
            self.model.start_rows(self.history, self.history.last_period - 1)
