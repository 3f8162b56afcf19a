"""Rows of a log that repeat an earlier row."""

import numpy as np
import pandas as pd


class Repeats:
    """Finds rows that equal an earlier one in all columns, in a log that comes in time order, piece by piece.

    Equal rows have equal times, so only the rows of the newest time are kept from one piece to the next.
    """

    def __init__(self) -> None:
        self.count = 0
        self._newest: pd.DataFrame | None = None

    def mask(self, rows: pd.DataFrame) -> np.ndarray:
        """Which of the next rows repeat an earlier one, `[rows]`."""
        new = len(rows)
        if not new:
            return np.zeros(0, bool)
        if self._newest is not None and self._newest["timestamp"].iloc[0] == rows["timestamp"].iloc[0]:
            rows = pd.concat([self._newest, rows], ignore_index=True)
        times = rows["timestamp"].to_numpy()
        tied = np.zeros(len(rows), bool)
        tied[1:] = times[1:] == times[:-1]
        tied[:-1] |= tied[1:]
        repeated = np.zeros(len(rows), bool)
        repeated[tied] = rows[tied].duplicated()
        self._newest = rows[(times == times[-1]) & ~repeated]
        self.count += int(repeated.sum())  # those that were kept from before are different from one another
        return repeated[-new:]
