"""Users that were never seen before, and the others."""

import numpy as np

from tfrec.data.truth import Truth


class User:
    """`new_user` and `known_user`: requests of users without any event before the period, and of all others."""

    def __call__(self, truth: Truth) -> dict[str, np.ndarray]:
        """Whether each target is in the slice, bool `[targets]` by name."""
        new = (truth.users < 0)[truth.flat_targets()[0]]
        return {"new_user": new, "known_user": ~new}
