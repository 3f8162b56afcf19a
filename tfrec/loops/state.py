"""A model and all that it knows of its stream."""

import numpy as np
import pandas as pd

from tfrec.data.examples import Examples, Update
from tfrec.data.history import History
from tfrec.data.stream import Stream
from tfrec.errors import require
from tfrec.learner import Learner
from tfrec.models.scoring import TowerScores


class StreamState:
    """Stream, history, model, learner and baselines, moved through the stream by `observe` and `learn`.

    Args:
        baselines: what is scored beside the model, by name.
        seed: of the order of examples; it depends on (seed, period, epoch) alone, so a resumed run repeats it.
    """

    def __init__(self, stream: Stream, model, learner: Learner, baselines: dict, seed: int = 0) -> None:
        self.stream, self.model, self.learner, self.baselines, self.seed = (
            stream,
            model,
            learner,
            baselines,
            seed,
        )
        self.history = History()
        self.towers = TowerScores(model)
        self.examples: list[Examples] = []

    def scorers(self) -> dict:
        """The model as `eval`, and each baseline under its tag, in the order in which they are shown."""
        return {"eval": self.towers, **{f"baseline/{name}": b for name, b in self.baselines.items()}}

    def start_baselines(self) -> None:
        """Lets the baselines that stand still (frozen, stale) take the state at the end of the base."""
        for baseline in self.baselines.values():
            if hasattr(baseline, "start"):
                baseline.start(self)

    def observe(self, t: int) -> None:
        """Reveals period t: takes the features of before it, then adds it to the history and makes room."""
        events = self.stream[t]
        query, ids = events["user"].factorize()
        features = self.model.features
        past = features.past(self.history, self.history.users.rows(ids))
        known = len(self.history.items)
        _, items = self.history.observe(events)
        if self.model.grow(self.history, self.stream.items):
            self.learner.rebuild()
            self.towers.rebuild()
        if self.learner.steps:  # before anything is learned, there is nothing to start from
            self.model.start_items(self.history, known)
        users = features.users(self.history, self.history.users.rows(ids))
        self.examples.append(Examples(users | past, query, items, self._labels(events)))

    def _labels(self, events: pd.DataFrame) -> dict[str, np.ndarray]:
        wanted = getattr(self.model, "labels", ())
        for name in wanted:
            require(
                name in events,
                f"The model learns from the event column '{name}', which the log does not have (it has "
                f"{', '.join(events)}): choose data with it, or another model.label.",
            )
        return {name: events[name].to_numpy(np.float32) for name in wanted}

    def examples_in(self, periods: range) -> int:
        """Number of examples of the periods."""
        return sum(len(self.examples[t]) for t in periods)

    def example_batch(self) -> dict[str, np.ndarray]:
        """Two rows of the newest period, from which a model's and an optimizer's variables can be created."""
        newest = len(self.examples) - 1
        return self.update(range(newest, newest + 1)).first_rows()

    def learn(self, periods: range, epochs: int, batch_size: int, log_q_window: int = 1) -> dict[str, float]:
        """Learns the examples of `periods`, the last of which has just been revealed; returns what it cost.

        Args:
            log_q_window: periods, at least those learned from, whose counts estimate how often an item is drawn.
        """
        steps, rows = self.learner.steps, self.learner.examples
        update, losses = self.update(periods, log_q_window), {}
        for epoch in range(epochs):
            rng = np.random.default_rng([self.seed, update.period, epoch])
            for batch in update.examples.batches(update.candidates, batch_size, rng):
                losses = self.learner.step(batch)
        self.learner.newest, self.learner.last_period = self.history.newest, update.period
        for strategy in self.learner.strategies:
            strategy.consolidate(self.learner, update)
        require(
            all(np.isfinite(float(value)) for value in losses.values()),
            f"The loss is not finite after period {update.period}: lower optimizer.learning_rate.",
        )
        costs = {"cost/steps": self.learner.steps - steps, "cost/examples": self.learner.examples - rows}
        return costs | {f"train/{name}": float(value) for name, value in losses.items()}

    def update(self, periods: range, log_q_window: int = 1) -> Update:
        """What an update of `periods` learns from; see `learn`."""
        examples = Examples.concatenate([self.examples[t] for t in periods])
        candidates = self.model.features.candidates(self.history, np.arange(len(self.history.items)))
        counts = self.history.popularity(max(log_q_window, len(periods)))
        candidates["log_q"] = np.log(np.maximum(counts, 1) / counts.sum()).astype(np.float32)
        fresh = self.examples_in(range(periods[0], min(self.learner.last_period, periods[-1]) + 1))
        return Update(periods[-1], examples, candidates, fresh)
