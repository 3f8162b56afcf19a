"""A list of steps applied to a stream: each step takes what the one before it made."""

from collections.abc import Iterable

import pandas as pd

from tfrec.data.steps.step import Step


def transform_events(steps: Iterable[Step], events: pd.DataFrame) -> pd.DataFrame:
    """The raw events of one period after all steps, with what they have fitted so far."""
    for step in steps:
        events = step.events(events)
    return events


def transform_items(steps: Iterable[Step], items: pd.DataFrame) -> pd.DataFrame:
    """Raw rows of the item table after all steps, with what they have fitted so far."""
    for step in steps:
        items = step.items(items)
    return items


def fit(steps: Iterable[Step], events: pd.DataFrame, items: pd.DataFrame) -> None:
    """Lets every step learn a period that was just revealed: once a period, in the order of the stream.

    A step learns from what it was given to transform, not from its own output: the mean of prices that were
    scaled already would say nothing. The next step then gets the events as they were scored, with what was fitted
    before (later, a repeat could not be told from its own trace), and the items as the next period will see them.

    Args:
        events: the raw events of the period. items: the raw rows of items first seen in it.
    """
    for step in steps:
        scored = step.events(events)
        step.fit(events, items)
        events, items = scored, step.items(items)
