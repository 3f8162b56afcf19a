"""A model and all that it knows of its stream."""

import logging
from collections.abc import Sequence

import numpy as np

from tfrec.data.examples import Examples, Update
from tfrec.data.stream import Stream
from tfrec.errors import require
from tfrec.learner import Learner
from tfrec.loops.observed import Observed
from tfrec.loops.passes import Passes
from tfrec.loops.serving import answers
from tfrec.models.scoring import Towers, TowerScores
from tfrec.tasks.log_q import static_log_q

log = logging.getLogger(__name__)


class StreamState(Observed):
    """Stream, history, catalogue, model, learner and baselines, moved through the stream by `observe` and `learn`.

    Args:
        baselines: what is scored beside the model, by name.
        steps: what cleans events and item table and makes features of them; see `tfrec.data.steps`.
        seed: of the order of examples; it depends on (seed, period, epoch) alone, so a resumed run repeats it.

    Attributes: those of `Observed`.
    """

    def __init__(
        self, stream: Stream, model, learner: Learner, baselines: dict, steps: Sequence = (), seed: int = 0
    ) -> None:
        super().__init__(stream, model, learner, steps)
        self.baselines, self.seed = baselines, seed
        self.scorer = model if hasattr(model, "score") else TowerScores(Towers(model))
        for baseline in baselines.values():
            if hasattr(baseline, "know"):
                baseline.know(self.catalogue.items)
            if hasattr(baseline, "begin"):
                baseline.begin(self)

    def scorers(self) -> dict:
        """The model as `eval`, and each baseline under its tag, in the order in which they are shown."""
        return {"eval": self.scorer, **{f"baseline/{name}": b for name, b in self.baselines.items()}}

    def start_baselines(self) -> None:
        """Lets those who want to (frozen, stale) take the state at the end of the base."""
        for scorer in self.scorers().values():
            if hasattr(scorer, "start"):
                scorer.start(self)

    def new_index(self) -> TowerScores:
        """An index of the model beside its own.

        Raises:
            InputError: the model has no towers.
        """
        return TowerScores(getattr(self.scorer, "towers", None) or Towers(self.model))

    def kept(self) -> dict:
        """What a checkpoint must keep beside model and strategies, by name: what baselines remember."""
        return {f"baseline-{name}": b for name, b in self.baselines.items() if hasattr(b, "restore")}

    def shown(self) -> dict:
        """The same of a stream that answers: what it was shown."""
        return {"stream": self.stream} if answers(self.stream) else {}

    def example_batch(self) -> dict[str, np.ndarray]:
        """Two rows of the newest period that has any: from them a model's and an optimizer's variables are made.

        Raises:
            InputError: there are none.
        """
        newest = max((t for t, size in enumerate(self.sizes) if size), default=None)
        require(
            newest is not None,
            f"Periods 0 to {len(self.sizes) - 1} give nothing to learn from (a model of lists learns from requests one "
            "of whose candidates was bought): choose a longer loop.base, or more candidates.",
        )
        return self.update(range(newest, newest + 1)).first_rows()

    def learn(
        self,
        periods: range,
        epochs: int,
        batch_size: int,
        log_q_window: int = 1,
        stopping=None,
        passes: Passes | None = None,
        cut: int | None = None,
    ) -> dict[str, float]:
        """Learns the examples of `periods`, the last of which has just been revealed; returns what it cost.

        Args:
            log_q_window: periods, at least those learned from, whose counts estimate how often an item is drawn.
            stopping: an `EarlyStopping`, asked after each epoch.
            passes: over the examples, see `Passes`.
            cut: the time (ns) from which on the examples of the last period are learned after the others, for as many
                epochs as `stopping` has chosen for these.
        """
        if not self.examples_in(periods):
            log.info("periods %d to %d give nothing to learn from: the update makes no step", periods[0], periods[-1])
            return {"cost/steps": 0, "cost/examples": 0}
        steps, rows, losses = self.learner.steps, self.learner.examples, {}
        batch_size = max(2, batch_size // self.model.rows_per_example)
        if self.model.trains:
            update = self.update(periods, log_q_window)
            losses = self.learner.learn(update, epochs, batch_size, self.seed, stopping, passes, cut)
            self.scorer.forget()
        self.learner.newest = self.history.newest
        self.learner.last_period = max(self.learner.last_period, periods[-1])
        costs = {"cost/steps": self.learner.steps - steps, "cost/examples": self.learner.examples - rows}
        return costs | {f"train/{name}": float(value) for name, value in losses.items()}

    def update(self, periods: range, log_q_window: int = 1) -> Update:
        """What an update of `periods` learns from; see `learn`."""
        examples = Examples.concatenate([self.examples(t) for t in periods if self.sizes[t]])
        candidates = self.model.features.candidates(self.history, np.arange(len(self.history.items)))
        counts = self.history.popularity(max(log_q_window, len(periods)), periods[-1])
        candidates["log_q"] = static_log_q(counts)
        fresh = self.examples_in(range(periods[0], min(self.learner.last_period, periods[-1]) + 1))
        return Update(periods[-1], examples, candidates, fresh, np.repeat(periods, [self.sizes[t] for t in periods]))
