"""Test, then train, one event after the other."""

import logging
import time

import numpy as np
import tensorflow as tf

from tfrec.checkpoint import Checkpoints
from tfrec.data.truth import refuse_future
from tfrec.errors import InputError, require
from tfrec.loops.events import EventSteps
from tfrec.loops.state import StreamState
from tfrec.metrics.prequential import PrequentialEvaluator
from tfrec.strategies.strategy import Strategy
from tfrec.tracking import Tracker

log = logging.getLogger(__name__)


class Prequential:
    """For each event in time order: predicts its label, counts the error, learns from it (Dawid, JRSS A 1984).

    A period is what is logged and saved at once. Its users and items get their rows before it starts, and nobody
    reads or moves a row before its first event; histories are as they were before the period. So for a model of ids
    alone, where periods are cut changes no prediction.

    Args:
        label: the event column that is predicted.
        base: number of first periods that are learned from and not counted.
        last: number of the last period; None goes to the end of the stream.
        base_epochs: passes over the base, each in time order.
        batch_size: events handed to the graph at once; it changes speed and memory, and no number.
    """

    def __init__(
        self,
        label: str = "rating",
        base: int = 0,
        last: int | None = None,
        base_epochs: int = 1,
        batch_size: int = 1024,
    ) -> None:
        for key, value, least in (("base", base, 0), ("base_epochs", base_epochs, 0), ("batch_size", batch_size, 1)):
            require(isinstance(value, int) and value >= least, f"loop.{key} is {value}: choose {least} or more.")
        self.label, self.base, self.last, self.base_epochs = label, base, last, base_epochs
        self.batch_size = batch_size

    def run(
        self,
        state: StreamState,
        trigger,
        evaluator: PrequentialEvaluator,
        tracker: Tracker,
        checkpoints: Checkpoints,
        probe=None,
    ) -> dict[str, float]:
        """Goes through the stream, from the last checkpoint if there is one; there is nothing more to return.

        Args:
            trigger: a period for which it says no is predicted and not learned from.
            probe: refused: it scores rankings.

        Raises:
            InputError: a part cannot act per event, or the stream is too short.
            LeakError: the model has seen what it should predict.
        """
        require(probe is None, "loop=prequential ranks nothing: choose probe=none.")
        require(
            state.learner.balance.plain,
            "loop=prequential learns one label, event by event, and has no tasks to weigh: choose balance=sum alone.",
        )
        end = self._end(len(state.stream))
        self._refuse_what_cannot_act(state, evaluator)
        events = EventSteps(state.learner, self.label, self.batch_size)
        kept = {"evaluator": evaluator} | {f"baseline-{name}": part for name, part in state.baselines.items()}
        first = self._learn_base(end, state, events, tracker, checkpoints, kept)
        with tracker.progress(first - self.base, end - self.base):
            for t in range(first, end):
                started = time.perf_counter()
                refuse_future(state.learner, state.stream[t], "the model")
                state.observe(t)
                costs = self._period(t, state, events, bool(trigger(t)), evaluator, tracker)
                tracker.end_of_period(t, costs, {"cost/update_seconds": time.perf_counter() - started})
                checkpoints.save(t, state, tracker, kept)
        return {}

    def _period(self, t: int, state: StreamState, events, learn: bool, evaluator, tracker) -> dict[str, float]:
        """Predicts, scores and learns the events of period t; returns what that cost."""
        examples, steps = state.examples(t), state.learner.steps
        labels, users = examples.labels[self.label], state.history.pairs(t)[0]
        predicted, loss = self._pass(t, state, events, learn)
        predictions = {"eval": predicted}
        for name, baseline in state.baselines.items():
            predictions[f"baseline/{name}"] = baseline.predict_then_learn(examples, self.label)
        for name, predicted in predictions.items():
            tracker.values(name, evaluator(name, labels, predicted, users), len(labels))
            rows, values, weight = evaluator.per_user(labels, predicted, users)
            if values:
                tracker.per_request.add(name, {"user": state.history.users.ids[rows]}, values, weight=weight)
        taken = state.learner.steps - steps
        return {"cost/steps": taken, "cost/examples": taken} | ({"train/loss": loss} if learn else {})

    def _pass(self, t: int, state: StreamState, events, learn: bool = True) -> tuple[np.ndarray, float]:
        """Predictions of period t and the mean loss; see `EventSteps`."""
        truth = state.stream[t]
        require(
            "known" not in truth or bool((truth["known"] <= truth["timestamp"]).all()),
            f"Period {t} has labels that are known later than their events, but loop=prequential learns each at once: "
            "take the column 'known' away if that is what you want.",
        )
        candidates = state.model.features.candidates(state.history, np.arange(len(state.history.items)))
        examples = state.examples(t)
        result = events(examples.rows(np.arange(len(examples)), candidates), learn)
        if learn:
            state.learner.newest, state.learner.last_period = truth["timestamp"].iloc[-1], t
        return result

    def _learn_base(self, end: int, state: StreamState, events, tracker, checkpoints, kept: dict) -> int:
        """Brings the state to the first period that is still to be scored, and returns that period."""
        newest = max((t for t in range(end) if checkpoints.has(t)), default=-1)
        for t in range(max(self.base, newest + 1)):
            state.observe(t)
        if newest >= 0:
            checkpoints.restore(newest, state, tracker, kept)
            log.info("resumed after period %d", newest)
            return newest + 1
        for _ in range(self.base_epochs):
            for t in range(self.base):
                self._pass(t, state, events)
        for t in range(self.base):
            for baseline in state.baselines.values():
                baseline.predict_then_learn(state.examples(t), self.label)
        if self.base:
            checkpoints.save(self.base - 1, state, tracker, kept)
        return self.base

    def _end(self, periods: int) -> int:
        end = periods if self.last is None else self.last + 1
        if not self.base < end <= periods:
            raise InputError(
                f"The stream has periods 0 to {periods - 1}, but loop.base={self.base} and loop.last={self.last} ask "
                f"for scores after a base of {self.base} periods: choose 0 <= base <= last < {periods}."
            )
        return end

    def _refuse_what_cannot_act(self, state: StreamState, evaluator) -> None:
        model = type(state.model).__name__
        require(
            not tf.distribute.has_strategy(),
            "loop=prequential learns one event at a time, which cannot be shared: choose a runtime of one device.",
        )
        require(
            not getattr(state.stream, "held_back", True),
            "loop=prequential learns each event at once: leave out stream.delay and periods of sessions.",
        )
        require(
            self.label in getattr(state.model, "labels", ()) and hasattr(state.model, "predictions"),
            f"loop.label is '{self.label}', which the model {model} does not predict: choose model=biased_mf, or the "
            "label of the model.",
        )
        require(
            isinstance(evaluator, PrequentialEvaluator),
            "loop=prequential counts errors of predicted labels: choose evaluate=ratings or evaluate=labels.",
        )
        for strategy in state.learner.strategies:
            for place in ("augment", "consolidate"):
                require(
                    getattr(type(strategy), place) is getattr(Strategy, place),
                    f"The strategy {type(strategy).__name__} acts in '{place}', which learning per event does not "
                    "have: choose strategies that act in penalty, gradients or after_step.",
                )
        for name, baseline in state.baselines.items():
            require(
                hasattr(baseline, "predict_then_learn"),
                f"baseline.{name} ranks and predicts no labels: choose baseline=running_mean or baseline=none.",
            )
