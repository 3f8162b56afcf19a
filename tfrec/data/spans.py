"""Which rows of a long log belong to which period, in few numbers."""

import numpy as np


class Spans:
    """Period of each row, kept as spans of rows of one period: memory is that of the spans, not of the rows."""

    def __init__(self) -> None:
        self._rows, self._numbers, self._length, self._newest = [], [], 0, None

    def append(self, numbers: np.ndarray) -> None:
        """Adds the periods `[n]` of the next n rows."""
        before = np.concatenate([[self._newest if self._length else -2], numbers[:-1]])
        begins = np.flatnonzero(numbers != before)
        self._rows.append(self._length + begins)
        self._numbers.append(numbers[begins].astype(np.int32))
        self._length, self._newest = self._length + len(numbers), numbers[-1]

    def close(self) -> None:
        """Sorts the spans by period, after the last row."""
        starts, numbers = np.concatenate(self._rows), np.concatenate(self._numbers)
        stops = np.append(starts[1:], self._length)
        self._begins, self._numbers = starts, numbers
        order = np.argsort(numbers, kind="stable")
        self._starts, self._stops, self._sorted = starts[order], stops[order], numbers[order]

    def of(self, period: int) -> np.ndarray:
        """Rows of a period, in order, int64 `[n]`."""
        first, last = np.searchsorted(self._sorted, [period, period + 1])
        starts, lengths = self._starts[first:last], self._stops[first:last] - self._starts[first:last]
        shift = starts - np.concatenate([[0], np.cumsum(lengths)[:-1]])[: len(starts)]
        return np.arange(lengths.sum()) + np.repeat(shift, lengths)

    def at(self, rows: np.ndarray) -> np.ndarray:
        """Period of each of `rows` `[n]`."""
        return self._numbers[np.searchsorted(self._begins, rows, side="right") - 1]
