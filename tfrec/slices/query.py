"""Searches and visits apart."""

import numpy as np

from tfrec.data.truth import Truth


class Query:
    """`search` and `recommendation`: requests with and without a query; nothing for a log without queries."""

    def __call__(self, truth: Truth) -> dict[str, np.ndarray]:
        """Whether each target is in the slice, bool `[targets]` by name."""
        if truth.requests.queries is None:
            return {}
        search = (truth.requests.queries != "")[truth.flat_targets()[0]]
        return {"search": search, "recommendation": ~search}
