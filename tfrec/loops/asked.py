"""Query features of a request as they were when it came, for labels that become known later."""

import numpy as np
import pandas as pd

from tfrec.data.requests import numbered
from tfrec.data.spool import Spool


class Asked:
    """Keeps on disk what `past` was for each request of a period, until its events are revealed.

    Without this, an update that learns a late purchase would see in the history what its user did after it.

    Args:
        stream: where a period's events, and with them its requests, are read again.
    """

    def __init__(self, stream) -> None:
        self.stream, self._past = stream, Spool()

    def remember(self, past: dict[str, np.ndarray]) -> None:
        """Keeps the features `[requests, ...]` of the next period's requests, in the order of their first events."""
        self._past.append(past)

    def of(self, first: pd.DataFrame) -> dict[str, np.ndarray]:
        """Features `[requests, ...]` of late requests.

        Args:
            first: the first event of each, as it came.
        """
        parts = [self._of_period(period, rows) for period, rows in first.groupby("period")]
        place = np.argsort(np.argsort(first["period"].to_numpy(), kind="stable"))
        return {key: np.concatenate([part[key] for part in parts])[place] for key in parts[0]}

    def _of_period(self, period: int, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        keys = [key for key in ("user", "query") if key in rows]
        asked = self.stream.scored(period)
        asked = pd.MultiIndex.from_frame(asked.iloc[numbered(asked)[1]][keys])
        number = asked.get_indexer(pd.MultiIndex.from_frame(rows[keys]))
        return {key: values[number] for key, values in self._past[period].items()}
