"""The three places where a step of cleaning or feature engineering acts, and no more."""

import pandas as pd


class Step:
    """What changes events and items before a model sees them; each method does nothing unless a step needs it.

    `events` and `items` are functions of their argument and of what was fitted: they change nothing, neither the
    argument nor the step, so it does not matter how often they are called. Only `fit` learns, and it is given
    nothing but the past. Steps are applied in the order of the list on the command line; see `apply.py`.
    """

    def items(self, items: pd.DataFrame) -> pd.DataFrame:
        """The item table, or versions of some of its rows, transformed with what was fitted so far."""
        return items

    def events(self, events: pd.DataFrame) -> pd.DataFrame:
        """The events of one period in time order, transformed with what was fitted so far."""
        return events

    def fit(self, events: pd.DataFrame, items: pd.DataFrame) -> None:
        """Learns from a period once it is revealed.

        Args:
            events: of the period, as `events` was given them: transformed by the steps before this one.
            items: rows of the items first seen in the period, as `items` was given them.
        """
