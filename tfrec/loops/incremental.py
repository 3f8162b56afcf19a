"""Test, then train, one period after the other."""

import logging
import time

from tfrec.checkpoint import Checkpoints
from tfrec.errors import InputError, require
from tfrec.evaluate import Evaluator, refuse_future
from tfrec.loops.serving import serve
from tfrec.loops.state import StreamState
from tfrec.tracking import Tracker

log = logging.getLogger(__name__)


class Incremental:
    """Learns a base, then for each later period: scores it, reveals it, learns from it.

    Args:
        base: number of periods of the base; the first scored period has this number.
        last: number of the last scored period; None scores to the end of the stream.
        base_epochs: passes over the base.
        epochs: passes over the examples of an update.
        window: periods that an update learns from, at least: 1 is what is new since the last update, None is all
            of the past.
        batch_size: examples of a step.
        log_q_window: periods whose counts estimate how often an item is drawn into a batch. The counts of one
            period alone would call every rare item that happens to be in it frequent, and push it up.
        buffer: examples held in memory at once. Periods that have more together are learned in runs of consecutive
            periods, each with all its epochs, in time order.
        checkpoint_every: periods from one checkpoint to the next.
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
    ) -> None:
        counts = {"base_epochs": base_epochs, "epochs": epochs, "batch_size": batch_size, "log_q_window": log_q_window}
        counts |= {"buffer": buffer, "checkpoint_every": checkpoint_every}
        for key, value in counts.items():
            require(isinstance(value, int), f"loop.{key} is {value}: choose a whole number.")
        require(
            min(buffer, checkpoint_every) >= 1,
            f"loop.buffer={buffer}, loop.checkpoint_every={checkpoint_every}: choose 1 or more.",
        )
        require(batch_size >= 2, f"loop.batch_size is {batch_size}: choose 2 or more.")
        require(window is None or window >= 1, f"loop.window is {window}: choose 1 or more periods, or null for all.")
        require(min(base_epochs, epochs) >= 0, f"loop.base_epochs={base_epochs}, loop.epochs={epochs}: not below 0.")
        self.base, self.last, self.base_epochs, self.epochs = base, last, base_epochs, epochs
        self.window, self.batch_size, self.log_q_window = window, batch_size, log_q_window
        self.buffer, self.checkpoint_every = buffer, checkpoint_every

    def run(
        self, state: StreamState, trigger, evaluator: Evaluator, tracker: Tracker, checkpoints: Checkpoints
    ) -> None:
        """Goes through the stream, from the last checkpoint if there is one.

        Raises:
            InputError: the stream is too short for the base and one scored period, or the evaluator ranks nothing.
            LeakError: an artefact has seen what it should predict.
        """
        require(isinstance(evaluator, Evaluator), "loop=incremental scores rankings: choose evaluate=ranking.")
        end = self._end(len(state.stream))
        first = self._learn_base(state, tracker, checkpoints)
        with tracker.progress(first - self.base, end - self.base):
            for t in range(first, end):
                started = time.perf_counter()
                self._score(t, state, evaluator, tracker)
                scored = time.perf_counter()
                costs = self._learn(t, state, trigger)
                learned = time.perf_counter()
                timings = {"cost/score_seconds": scored - started, "cost/update_seconds": learned - scored}
                tracker.end_of_period(t, costs, timings)
                if (t + 1 - self.base) % self.checkpoint_every == 0 or t + 1 == end:
                    checkpoints.save(t, state, tracker, state.kept())

    def _learn(self, t: int, state: StreamState, trigger) -> dict[str, float]:
        """Reveals period t and learns from it if the trigger says so; returns what that cost."""
        counts = state.observe(t)
        if not trigger(t):
            return counts | {"cost/steps": 0, "cost/examples": 0}
        # What was revealed since the last update is learned in any case, so that a rarer update loses nothing.
        unlearned = state.learner.last_period + 1
        start = 0 if self.window is None else max(0, min(unlearned, t + 1 - self.window))
        return counts | self._update(state, range(start, t + 1), self.epochs)

    def _update(self, state: StreamState, periods: range, epochs: int) -> dict[str, float]:
        """Learns the periods' examples, as many at once as the buffer holds."""
        costs = {"cost/steps": 0, "cost/examples": 0}
        for part in self._parts(state, periods):
            cost = state.learn(part, epochs, self.batch_size, self.log_q_window)
            costs = cost | {key: costs[key] + cost[key] for key in costs}
        return costs

    def _parts(self, state: StreamState, periods: range) -> list[range]:
        parts, start = [], periods[0]
        for t in periods[1:]:
            if state.examples_in(range(start, t + 1)) > self.buffer:
                parts.append(range(start, t))
                start = t
        return [*parts, range(start, periods[-1] + 1)]

    def _end(self, periods: int) -> int:
        end = periods if self.last is None else self.last + 1
        if not 0 < self.base < end <= periods:
            raise InputError(
                f"The stream has periods 0 to {periods - 1}, but loop.base={self.base} and loop.last={self.last} ask "
                f"for a base of {self.base} periods and scores after it: choose 0 < base <= last < {periods}."
            )
        return end

    def _learn_base(self, state: StreamState, tracker: Tracker, checkpoints: Checkpoints) -> int:
        """Brings the state to the first period that is still to be scored, and returns that period."""
        if checkpoints.has(self.base - 1):  # what a stream was shown comes before what it answered
            checkpoints.restore_parts(checkpoints.newest(), state.kept())
        for t in range(self.base):
            state.observe(t)
        if checkpoints.has(self.base - 1):
            checkpoints.restore(self.base - 1, state, tracker)
            state.start_baselines()
            return self._continue(state, tracker, checkpoints)
        log.info("base: %d examples in periods 0 to %d", state.examples_in(range(self.base)), self.base - 1)
        self._update(state, range(self.base), self.base_epochs)
        state.start_baselines()
        checkpoints.save(self.base - 1, state, tracker, state.kept())
        return self.base

    def _continue(self, state: StreamState, tracker: Tracker, checkpoints: Checkpoints) -> int:
        newest = checkpoints.newest()
        for t in range(self.base, newest + 1):
            state.observe(t)
        if newest >= self.base:
            checkpoints.restore(newest, state, tracker)
        log.info("resumed after period %d", newest)
        return newest + 1

    def _score(self, t: int, state: StreamState, evaluator: Evaluator, tracker: Tracker) -> None:
        tracker.row |= serve(state, t)
        refuse_future(state.learner, state.stream[t], "the model")
        truth = state.truth(t)
        for name, scorer in state.scorers().items():
            tracker.scores(name, evaluator(scorer.score(state.history, truth.requests), truth), truth.slices)
        tracker.row["index/encoded"] = state.towers.encoded
