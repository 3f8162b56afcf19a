"""Histories that tests share."""

import pandas as pd

from tfrec.data.history import History


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
