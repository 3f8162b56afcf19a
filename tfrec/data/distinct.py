"""Each different candidate of a batch once."""

from collections.abc import Collection

import numpy as np

LEAST = 1e-6  # rows, for one that has no weight
SIZES = 8  # of which a batch may have one, so that shapes stay few: each is a compilation


def distinct_candidates(batch: dict[str, np.ndarray], candidate: Collection[str], replicas: int = 1) -> dict:
    """The batch with the features of each different item once, and which one each row has.

    An item's features are those of its first row. Their number is rounded up to an eighth of the batch, so that a
    graph sees few shapes: those that are too many have a count of 0.

    Args:
        batch: features of rows, `[batch, ...]`, among them `item`.
        candidate: names of the features that belong to the item.
        replicas: whose number divides the number of candidates.

    Returns:
        the candidates' features `[candidates, ...]`, the others as they were, `label` `[batch]` int32, the row's
        candidate, and `count` `[candidates]` float32, how many rows have it: with a `row_weight` w each row counts
        `w sum(w) / sum(w^2)`, so that an item is a negative as often as it is chosen. (With equal weights that is 1.
        Rows of weight 0 have a count that is as good as none, which keeps their own loss finite.)
    """
    _, first, label = np.unique(batch["item"], return_index=True, return_inverse=True)
    weight = batch.get("row_weight", np.ones(len(label), np.float32)).astype(np.float64)
    count = np.bincount(label, np.maximum(weight * weight.sum() / np.square(weight).sum(), LEAST))
    rows = filled(first, len(label), replicas)
    found = {key: values[rows] if key in candidate else values for key, values in batch.items()}
    count = np.pad(count, (0, len(rows) - len(first))).astype(np.float32)
    return found | {"label": label.astype(np.int32), "count": count}


def filled(rows: np.ndarray, batch: int, replicas: int = 1, sizes: int = SIZES) -> np.ndarray:
    """Rows and as many of the first again as make their number one of few: a multiple of batch / sizes.

    Args:
        rows: `[n]`, at least one. replicas: whose number divides the result's. sizes: of which it is one.
    """
    step = -(-batch // sizes)
    size = -(-len(rows) // step) * step
    return np.append(rows, np.repeat(rows[:1], size + -size % replicas - len(rows)))
