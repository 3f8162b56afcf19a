"""Ranks of rows within their groups."""

import numpy as np


def ranks_within(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How many rows of a row's group have a lower value, or an equal one further left, `[n]`."""
    order = np.lexsort((values, groups))
    ordered = groups[order]
    first = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))  # of each group
    rank = np.empty(len(groups), np.int64)
    rank[order] = np.arange(len(groups)) - np.repeat(first, np.diff(np.append(first, len(groups))))
    return rank


def sizes(groups: np.ndarray) -> np.ndarray:
    """How many rows each row's group has, `[n]`."""
    _, place, count = np.unique(groups, return_inverse=True, return_counts=True)
    return count[place]
