"""Means and standard deviations of columns, of all rows seen so far."""

import numpy as np


class Moments:
    """Brings columns to mean 0 and standard deviation 1, by what was seen before, cut off at 6 deviations.

    Sums are kept, in float64, so the order in which rows came is of no matter beyond rounding.
    """

    def __init__(self) -> None:
        self.count, self.sum, self.squares = 0, 0.0, 0.0

    def observe(self, rows: np.ndarray) -> None:
        """Takes in rows `[n, columns]`; no rows tell nothing, not even of how many columns there are."""
        if not len(rows):
            return
        rows = rows.astype(np.float64)
        self.count += len(rows)
        self.sum, self.squares = self.sum + rows.sum(axis=0), self.squares + (rows**2).sum(axis=0)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """`(rows - mean) / deviation` from -6 to 6, `[..., columns]` float32; a column that never varied becomes 0."""
        if not self.count:
            return np.zeros(rows.shape, np.float32)
        mean = self.sum / self.count
        deviation = np.sqrt(np.maximum(self.squares / self.count - mean**2, 0))
        scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 1e-6)
        result = (rows - mean.astype(np.float32)) * scale.astype(np.float32)
        return np.clip(result, -6, 6, out=result)
