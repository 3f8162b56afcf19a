"""Targets by the age of the item."""

from collections.abc import Sequence

import numpy as np

from tfrec.data.truth import Truth
from tfrec.errors import require


class Age:
    """`age_unseen`, `age_1`, `age_2_4`, ...: targets by the number of periods since the item was first bought.

    1 is the period just before. An unseen item is not in the catalogue and so is always missed: the slice's pairs say
    how much of the truth is out of reach.

    Args:
        bounds: the oldest age of each group but the last.

    Raises:
        InputError: the bounds are not whole numbers from 1 on, each above the one before.
    """

    def __init__(self, bounds: Sequence[int] = (1, 4, 13)) -> None:
        rising = all(isinstance(b, int) and b > a for a, b in zip([0, *bounds], bounds, strict=False))
        require(len(bounds) > 0 and rising, f"slice.age.bounds is {bounds}: write rising whole numbers: [1, 4, 13].")
        self.bounds = list(bounds)

    def __call__(self, truth: Truth) -> dict[str, np.ndarray]:
        """Whether each target is in the slice, bool `[targets]` by name."""
        item = truth.flat_targets()[1]
        group = np.where(item >= 0, 1 + np.searchsorted(self.bounds, truth.age[item]), 0)
        first = [1, *(bound + 1 for bound in self.bounds)]
        names = [f"{low}" if low == high else f"{low}_{high}" for low, high in zip(first, self.bounds, strict=False)]
        return {f"age_{name}": group == n for n, name in enumerate(["unseen", *names, f"{first[-1]}_on"])}
