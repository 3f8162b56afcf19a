"""Test, then train, one period after the other."""

import logging
import time

from tfrec.checkpoint import Checkpoints
from tfrec.data.truth import refuse_future
from tfrec.errors import InputError, require, require_whole
from tfrec.evaluate import Evaluator
from tfrec.loops.budget import Budget
from tfrec.loops.passes import Passes
from tfrec.loops.scored import score
from tfrec.loops.serving import serve
from tfrec.loops.state import StreamState
from tfrec.loops.updates import Updates
from tfrec.memory import peak_memory, resident_memory
from tfrec.tracking import Tracker

log = logging.getLogger(__name__)


class Incremental:
    """Learns a base, then for each later period: scores it, reveals it, learns from it.

    Args:
        base: number of periods of the base; the first scored period has this number.
        last: number of the last scored period; None scores to the end of the stream.
        checkpoint_every: periods from one checkpoint to the next.
        base_epochs, epochs, window, batch_size, log_q_window, buffer, validation, patience, start, later: what is
            learned, and how long; see `Updates`.
        order, accumulation, budget: see `Passes`.

    Raises:
        InputError: a number is out of range, or two keys disagree.
    """

    def __init__(
        self,
        base: int = 26,
        last: int | None = None,
        base_epochs: int = 2,
        epochs: int = 1,
        window: int | None = 1,
        batch_size: int = 4096,
        log_q_window: int = 8,
        buffer: int = 2_000_000,
        checkpoint_every: int = 1,
        validation: int = 0,
        patience: int = 2,
        budget: Budget | None = None,
        start: str = "warm",
        order: str = "random",
        accumulation: int = 1,
        later: float = 0.0,
    ) -> None:
        require_whole("loop.checkpoint_every", checkpoint_every, 1)
        self.base, self.last, self.checkpoint_every = base, last, checkpoint_every
        how_long = base_epochs, epochs, window, batch_size, log_q_window, buffer, validation, patience
        self.updates = Updates(base, *how_long, start, later, Passes(order, accumulation, budget))

    def run(
        self, state: StreamState, trigger, evaluator: Evaluator, tracker: Tracker, checkpoints: Checkpoints, probe=None
    ) -> dict[str, float]:
        """Goes through the stream, from the last checkpoint if there is one; returns what the probe found.

        Args:
            probe: a `PeriodMatrix`, or None.

        Raises:
            InputError: the stream is too short for the base and one scored period, or the evaluator ranks nothing.
            LeakError: an artefact has seen what it should predict.
        """
        require(isinstance(evaluator, Evaluator), "loop=incremental scores rankings: choose evaluate=ranking.")
        _refuse_short_lists(state.model, evaluator)
        end = self._end(len(state.stream))
        self.updates.begin(state, evaluator)
        if probe is not None:
            probe.start(state, evaluator, tracker.folder, self.base)
        first = self._learn_base(state, evaluator, tracker, checkpoints, probe)
        with tracker.progress(first - self.base, end - self.base):
            for t in range(first, end):
                started = time.perf_counter()
                self._score(t, state, evaluator, tracker, probe)
                scored = time.perf_counter()
                costs = self._learn(t, state, trigger)
                learned = time.perf_counter()
                costs |= state.learner.costs() | (probe.after_update(t) if probe is not None else {})
                timings = {"cost/score_seconds": scored - started, "cost/update_seconds": learned - scored}
                timings |= {"cost/traces": state.learner.traces, "cost/compilations": state.learner.compilations}
                timings |= {"cost/peak_memory_bytes": peak_memory(), "cost/memory_bytes": resident_memory()}
                if costs["cost/steps"]:
                    timings["cost/input_wait_share"] = state.learner.waited
                tracker.end_of_period(t, costs, timings)
                if (t + 1 - self.base) % self.checkpoint_every == 0 or t + 1 == end:
                    checkpoints.save(t, state, tracker, self._kept(state, evaluator))
                    if probe is not None:
                        probe.saved(t)
        return probe.finish() if probe is not None else {}

    def _learn(self, t: int, state: StreamState, trigger) -> dict[str, float]:
        """Reveals period t and learns from it if the trigger says so; returns what that cost."""
        counts = state.observe(t)
        if not trigger(t):
            return counts | {"cost/steps": 0, "cost/examples": 0}
        return counts | self.updates.learn(t, state)

    def _end(self, periods: int) -> int:
        end = periods if self.last is None else self.last + 1
        if not 0 < self.base < end <= periods:
            raise InputError(
                f"The stream has periods 0 to {periods - 1}, but loop.base={self.base} and loop.last={self.last} ask "
                f"for a base of {self.base} periods and scores after it: choose 0 < base <= last < {periods}."
            )
        return end

    def _learn_base(self, state: StreamState, evaluator, tracker, checkpoints: Checkpoints, probe) -> int:
        """Brings the state to the first period that is still to be scored, and returns that period."""
        if checkpoints.has(self.base - 1):  # what a stream was shown comes before what it answered
            checkpoints.restore_parts(checkpoints.newest(), state.shown())
        state.learned_from = max(0, self.base - (state.model.base_periods or self.base))
        for t in range(self.base):
            self.updates.examine(t, state)
            state.observe(t)
        state.model.base_known(state.history)
        evaluator.lists.choose_panel(state.requests(self.base - 1), state.history)
        if checkpoints.has(self.base - 1):
            checkpoints.restore(self.base - 1, state, tracker=None)
            state.start_baselines()
            return self._continue(state, evaluator, tracker, checkpoints, probe)
        log.info("base: %d examples in periods 0 to %d", state.examples_in(range(self.base)), self.base - 1)
        self.updates.learn_base(state, tracker)
        state.start_baselines()
        if probe is not None:
            probe.resume(self.base - 1)
            probe.keep(self.base - 1)
        checkpoints.save(self.base - 1, state, tracker, self._kept(state, evaluator))
        return self.base

    def _continue(self, state: StreamState, evaluator, tracker, checkpoints: Checkpoints, probe) -> int:
        newest = checkpoints.newest()
        for t in range(self.base, newest + 1):
            if probe is not None:
                probe.set(t, state.truth(t))
            self.updates.examine(t, state)
            state.observe(t)
        checkpoints.restore(newest, state, tracker, self._kept(state, evaluator))
        if probe is not None:
            probe.resume(newest)
        log.info("resumed after period %d", newest)
        return newest + 1

    def _kept(self, state: StreamState, evaluator: Evaluator) -> dict:
        return state.kept() | state.shown() | {"lists": evaluator.lists}

    def _score(self, t: int, state: StreamState, evaluator: Evaluator, tracker: Tracker, probe) -> None:
        tracker.row |= serve(state, t)
        refuse_future(state.learner, state.stream[t], "the model")
        truth = state.truth(t)
        self.updates.examine(t, state, truth)
        if probe is not None:
            probe.set(t, truth)
        score(state, truth, evaluator, tracker)
        if probe is not None:
            probe.before_update(t)


def _refuse_short_lists(model, evaluator: Evaluator) -> None:
    name, (_, depth) = next(iter(evaluator.metrics.items()))
    require(
        model.found is None or depth is None or model.found >= depth,
        f"model.beam is {model.found}, so no more items are found, but evaluate.metrics begins with {name}: "
        f"choose model.beam={depth} or more, or a shorter list.",
    )
