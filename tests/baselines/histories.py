"""Histories that tests share."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from tests.baselines.published_rows import COLUMNS
from tests.toy import make_interactions
from tfrec.data.history import History
from tfrec.data.interactions import validated
from tfrec.data.stream import Stream
from tfrec.data.truth import Truth
from tfrec.evaluate import Evaluator


def history_of(*periods):
    """A history of periods given as lists of (user, item)."""
    history = History()
    for t, pairs in enumerate(periods):
        events = pd.DataFrame(pairs, columns=["user", "item"])
        history.observe(events.assign(timestamp=pd.Timestamp("2024-01-01") + t * pd.Timedelta("7D")))
    return history


def observed(stream, periods):
    """A history that has seen the first periods of a stream."""
    history = History()
    for t in range(periods):
        history.observe(stream[t])
    return history


def two_futures(change):
    """Two streams, the same before period 4; later users and items are `permuted` or `cut off` in the second."""
    whole, other = make_interactions(), make_interactions()
    start = whole.events["timestamp"].searchsorted(whole.events["timestamp"].iloc[0] + 4 * np.timedelta64(7, "D"))
    events, rng = other.events.copy(), np.random.default_rng(1)
    for column in ("user", "item"):
        events.loc[start:, column] = rng.permutation(events.loc[start:, column])
    events = events[: start + 1] if change == "cut off" else events
    return Stream(whole, "7D"), Stream(validated(events, other.items, "another future"), "7D")


def reported(stream, baselines):
    """Values of all requests of the periods from 26 on, by baseline and column of the published rows."""
    history, evaluator, values = History(), Evaluator(), {name: [] for name in baselines}
    for t in range(len(stream)):
        for baseline in baselines.values():
            if t == 26 and hasattr(baseline, "start"):
                baseline.start(SimpleNamespace(catalogue=SimpleNamespace(items=stream.items), history=history))
        if t >= 26:
            truth = Truth.of(stream[t], history)
            for name, baseline in baselines.items():
                partial = getattr(baseline, "partial", False)
                values[name].append(evaluator(baseline.score(history, truth.requests), truth, partial))
        history.observe(stream[t])
    return {
        name: {column: np.concatenate([period[column] for period in periods]) for column in COLUMNS}
        for name, periods in values.items()
    }
