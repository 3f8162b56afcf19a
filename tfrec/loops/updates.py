"""What an update learns from, from which weights, and for how long."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd

from tfrec.data.truth import Truth
from tfrec.errors import require, require_whole
from tfrec.evaluate import Evaluator
from tfrec.loops.ends import require_one_end
from tfrec.loops.exams import Exams
from tfrec.loops.passes import Passes
from tfrec.loops.state import StreamState
from tfrec.loops.validation import EarlyStopping
from tfrec.strategies.fit import refuse_choosing
from tfrec.tracking import Tracker

log = logging.getLogger(__name__)


class Updates:
    """Learns the base, and the updates after it.

    Args:
        base: number of periods of the base.
        base_epochs: passes over the base, and over what an update learns that starts anew.
        epochs: passes over the examples of a warm update.
        window: periods that an update learns from, at least: 1 is what is new since the last update, None is all
            of the past.
        batch_size: examples of a step; of lists, as of `buffer`, their candidates are counted.
        log_q_window: periods whose counts estimate how often an item is drawn into a batch. The counts of one
            period alone would call every rare item that happens to be in it frequent, and push it up.
        buffer: examples held in memory at once. Periods that have more together are learned in runs of consecutive
            periods, each with all its epochs, in time order.
        validation: periods at the end of the base, and of what a cold update learns, that choose the epochs of what is
            before them: learning stops when the first metric on them has not risen for `patience` epochs, and goes
            back to the best. They are then learned as updates. 0 takes all, for `base_epochs`.
        patience: epochs without a new best.
        start: the weights that an update starts from: `warm`, the last ones, or `cold`, those of before the base: with
            window None, full retraining.
        later: share of the events of a warm update's newest period, its last ones, that choose its epochs, up to
            `epochs`, of all that came before them; then they are learned for as many. 0 chooses nothing.
        passes: over examples; their budget is that of warm updates.

    Raises:
        InputError: a number is out of range, or two keys disagree.
    """

    def __init__(
        self,
        base: int,
        base_epochs: int,
        epochs: int,
        window: int | None,
        batch_size: int,
        log_q_window: int,
        buffer: int,
        validation: int,
        patience: int,
        start: str,
        later: float,
        passes: Passes,
    ) -> None:
        whole = {"base_epochs": (base_epochs, 0), "epochs": (epochs, 0), "batch_size": (batch_size, 2)}
        whole |= {"log_q_window": (log_q_window, 1), "buffer": (buffer, 1)}
        whole |= {"validation": (validation, 0), "patience": (patience, 1)}
        for key, (value, least) in whole.items():
            require_whole(f"loop.{key}", value, least)
        require(window is None or window >= 1, f"loop.window is {window}: choose 1 or more periods, or null for all.")
        cold = require_one_end(base, base_epochs, epochs, window, validation, start, later, passes)
        self.base, self.base_epochs, self.epochs, self.window = base, base_epochs, epochs, window
        self.batch_size, self.log_q_window, self.buffer = batch_size, log_q_window, buffer
        self.validation, self.patience, self.cold = validation, patience, cold
        self.later, self.passes = later, passes
        self._exams: Exams | None = None
        self._cut: pd.Timestamp | None = None  # when the newest period's later part begins

    def begin(self, state: StreamState, evaluator: Evaluator) -> None:
        """Before the base is observed."""
        if self.cold:
            state.learner.keep_first()
        if self.validation or self.later:
            refuse_choosing(state.learner.strategies, bool(self.later), self.cold, self.validation)
            self._exams = Exams(state, evaluator)
            require(
                not (state.stream.late and (self.later or self.cold)),
                "Events of this stream are revealed late (stream.delay, or a column 'known'), so the newest requests "
                "cannot choose the epochs: choose loop.later=0 and, with loop.start=cold, loop.validation=0.",
            )
        require(
            not self.later or state.model.rows_per_example == 1,
            "loop.later parts the events of a period, and this model learns from lists of whole requests: choose "
            "loop.later=0, or model=two_tower.",
        )

    def examine(self, t: int, state: StreamState, truth=None) -> None:
        """Before period t is observed: keeps it, or its later part, if it is to choose the epochs of what is before."""
        if self._exams is None:
            return
        if t < self.base and t >= self.base - self.validation or t >= self.base and self.cold:
            self._exams.set(t, _learnable(t, truth or state.truth(t), state), state.history)
            self._exams.forget(before=t + 1 - self.validation)
        elif t >= self.base and self.later:
            events = state.prepared(state.stream[t])
            self._cut = _later(events["timestamp"], self.later)
            later = Truth.of(events[events["timestamp"] >= self._cut], state.history, state.catalogue.items)
            self._exams.set(t, _learnable(t, later, state), state.history)
            self._exams.forget(before=t)

    def learn_base(self, state: StreamState, tracker: Tracker) -> None:
        """Learns the base, which is known."""
        self._from_the_start(state, range(self.base), tracker.validation)

    def learn(self, t: int, state: StreamState) -> dict[str, float]:
        """Learns after period t was revealed; returns what it cost."""
        # What was revealed since the last update is learned in any case, so that a rarer update loses nothing.
        unlearned = state.learner.last_period + 1
        start = 0 if self.window is None else max(0, min(unlearned, t + 1 - self.window))
        if self.later:
            return self._stopped(state, range(start, t + 1))
        if not self.cold:
            epochs = self.base_epochs if state.learner.starts_anew else self.epochs
            return self._update(state, range(start, t + 1), epochs, passes=self.passes)
        state.learner.start_anew()
        return self._from_the_start(state, range(start, t + 1), lambda epoch, value: None)

    def _from_the_start(self, state: StreamState, periods: range, written) -> dict[str, float]:
        """Learns periods by weights that know nothing, the last `validation` ones after the others."""
        chosen = periods[-1] + 1 - self.validation

        def stopping():
            if not self.validation:
                return None
            return EarlyStopping(state, self._exams, chosen - 1, self.patience, written)

        costs = self._update(state, range(periods[0], chosen), self.base_epochs, stopping)
        for t in range(chosen, periods[-1] + 1):
            state.model.start_rows(state.history, t - 1)
            costs = _added(costs, self._update(state, range(t, t + 1), self.epochs))
        return costs

    def _stopped(self, state: StreamState, periods: range) -> dict[str, float]:
        """Learns what came before the newest period's later part for as many epochs as that chooses, then that part."""
        stopping = EarlyStopping(state, self._exams, periods[-1], self.patience, lambda epoch, value: None)
        how = self.epochs, self.batch_size, self.log_q_window, stopping, self.passes
        return state.learn(periods, *how, self._cut.value)

    def _update(
        self, state: StreamState, periods: range, epochs: int, stopping=lambda: None, passes: Passes | None = None
    ) -> dict[str, float]:
        """Learns the periods' examples, as many at once as the buffer holds, each part with its own `stopping()`."""
        costs = {"cost/steps": 0, "cost/examples": 0}
        passes, parts = passes or replace(self.passes, budget=None), self._parts(state, periods)
        require(
            len(parts) == 1 or not passes.budgeted,
            f"loop.budget is of an update, and periods {periods[0]} to {periods[-1]} have more examples than "
            f"loop.buffer={self.buffer} holds at once: choose a larger loop.buffer, or no budget.",
        )
        for part in parts:
            cost = state.learn(part, epochs, self.batch_size, self.log_q_window, stopping(), passes)
            costs = _added(costs, cost)
        return costs

    def _parts(self, state: StreamState, periods: range) -> list[range]:
        parts, start, most = [], periods[0], self.buffer / state.model.rows_per_example
        for t in periods[1:]:
            if state.examples_in(range(start, t + 1)) > most:
                parts.append(range(start, t))
                start = t
        return [*parts, range(start, periods[-1] + 1)]


def _learnable(t: int, truth: Truth, state: StreamState) -> Truth:
    """A period's truth without the requests that are held out: they choose nothing."""
    if state.held_out is None:
        return truth
    return truth.take(np.flatnonzero(~state.held_out(pd.DataFrame({"user": truth.requests.ids, "period": t}))))


def _later(times: pd.Series, share: float) -> pd.Timestamp:
    """When the last `share` of a period's events begins; of one moment, all are in it."""
    return times.iloc[min(len(times) - 1, int((1 - share) * len(times)))]


def _added(costs: dict[str, float], more: dict[str, float]) -> dict[str, float]:
    """What both cost together; of all else (losses) the later."""
    return costs | more | {key: costs[key] + more[key] for key in ("cost/steps", "cost/examples")}
