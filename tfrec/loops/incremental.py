"""Test, then train, one period after the other."""

import logging
import time

from tfrec.checkpoint import Checkpoints
from tfrec.data.truth import refuse_future
from tfrec.errors import InputError, require
from tfrec.evaluate import Evaluator
from tfrec.loops.exams import Exams
from tfrec.loops.scored import score
from tfrec.loops.serving import serve
from tfrec.loops.state import StreamState
from tfrec.loops.validation import EarlyStopping
from tfrec.memory import peak_memory, resident_memory
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
        batch_size: examples of a step; of lists, as of `buffer`, their candidates are counted.
        log_q_window: periods whose counts estimate how often an item is drawn into a batch. The counts of one
            period alone would call every rare item that happens to be in it frequent, and push it up.
        buffer: examples held in memory at once. Periods that have more together are learned in runs of consecutive
            periods, each with all its epochs, in time order.
        checkpoint_every: periods from one checkpoint to the next.
        validation: periods at the end of the base that choose the epochs of what is before them: learning stops when
            the first metric on them has not risen for `patience` epochs, and goes back to the best. They are then
            learned as updates. 0 takes all of the base, for `base_epochs`.
        patience: epochs without a new best.
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
    ) -> None:
        whole = {"base_epochs": (base_epochs, 0), "epochs": (epochs, 0), "batch_size": (batch_size, 2)}
        whole |= {"log_q_window": (log_q_window, 1), "buffer": (buffer, 1), "checkpoint_every": (checkpoint_every, 1)}
        whole |= {"validation": (validation, 0), "patience": (patience, 1)}
        for key, (value, least) in whole.items():
            require(
                isinstance(value, int) and value >= least,
                f"loop.{key} is {value}: choose a whole number, {least} or more.",
            )
        require(window is None or window >= 1, f"loop.window is {window}: choose 1 or more periods, or null for all.")
        require(
            validation == 0 or validation < base and base_epochs > 0,
            f"loop.validation is {validation} of loop.base={base} periods, with loop.base_epochs={base_epochs}: leave "
            "periods and epochs to learn.",
        )
        self.base, self.last, self.base_epochs, self.epochs = base, last, base_epochs, epochs
        self.window, self.batch_size, self.log_q_window = window, batch_size, log_q_window
        self.buffer, self.checkpoint_every = buffer, checkpoint_every
        self.validation, self.patience = validation, patience

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
        # What was revealed since the last update is learned in any case, so that a rarer update loses nothing.
        unlearned = state.learner.last_period + 1
        start = 0 if self.window is None else max(0, min(unlearned, t + 1 - self.window))
        return counts | self._update(state, range(start, t + 1), self.epochs)

    def _update(self, state: StreamState, periods: range, epochs: int, stopping=lambda: None) -> dict[str, float]:
        """Learns the periods' examples, as many at once as the buffer holds, each part with its own `stopping()`."""
        costs = {"cost/steps": 0, "cost/examples": 0}
        for part in self._parts(state, periods):
            cost = state.learn(part, epochs, self.batch_size, self.log_q_window, stopping())
            costs = cost | {key: costs[key] + cost[key] for key in costs}
        return costs

    def _parts(self, state: StreamState, periods: range) -> list[range]:
        parts, start, most = [], periods[0], self.buffer / state.model.rows_per_example
        for t in periods[1:]:
            if state.examples_in(range(start, t + 1)) > most:
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

    def _learn_base(self, state: StreamState, evaluator, tracker, checkpoints: Checkpoints, probe) -> int:
        """Brings the state to the first period that is still to be scored, and returns that period."""
        if checkpoints.has(self.base - 1):  # what a stream was shown comes before what it answered
            checkpoints.restore_parts(checkpoints.newest(), state.shown())
        state.learned_from = max(0, self.base - (state.model.base_periods or self.base))
        exams = Exams(state, evaluator) if self.validation else None
        for t in range(self.base):
            if t >= self.base - self.validation:
                exams.set(t, state.truth(t), state.history)
            state.observe(t)
        state.model.base_known(state.history)
        evaluator.lists.choose_panel(state.requests(self.base - 1), state.history)
        if checkpoints.has(self.base - 1):
            checkpoints.restore(self.base - 1, state, tracker=None)
            state.start_baselines()
            return self._continue(state, evaluator, tracker, checkpoints, probe)
        log.info("base: %d examples in periods 0 to %d", state.examples_in(range(self.base)), self.base - 1)
        chosen = self.base - self.validation
        self._update(state, range(chosen), self.base_epochs, lambda: self._stopping(state, exams, tracker))
        for t in range(chosen, self.base):
            state.model.start_rows(state.history, t - 1)
            self._update(state, range(t, t + 1), self.epochs)
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
            state.observe(t)
        checkpoints.restore(newest, state, tracker, self._kept(state, evaluator))
        if probe is not None:
            probe.resume(newest)
        log.info("resumed after period %d", newest)
        return newest + 1

    def _kept(self, state: StreamState, evaluator: Evaluator) -> dict:
        return state.kept() | state.shown() | {"lists": evaluator.lists}

    def _stopping(self, state: StreamState, exams: Exams | None, tracker: Tracker) -> EarlyStopping | None:
        if exams is None:
            return None
        return EarlyStopping(state, exams, self.base - self.validation - 1, self.patience, tracker.validation)

    def _score(self, t: int, state: StreamState, evaluator: Evaluator, tracker: Tracker, probe) -> None:
        tracker.row |= serve(state, t)
        refuse_future(state.learner, state.stream[t], "the model")
        truth = state.truth(t)
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
