"""Candidates drawn at random beside the targets, for those who must compare with published sampled metrics."""

import numpy as np
import tensorflow as tf


def drawn(targets: list[np.ndarray], catalogue: int, size: int, seed: list[int]) -> np.ndarray:
    """Which items are candidates of each request: its targets and `size` others, bool `[requests, catalogue]`.

    They are drawn evenly by (seed, place of the request) alone: not by how many requests are ranked at once, nor by
    who ranks them.

    Args:
        targets: per request its item rows, -1 for an item not in the catalogue. seed: whole numbers, from 0 on, that
            end with the place of the first request.
    """
    wanted = np.zeros((len(targets), catalogue), bool)
    for row, rows in enumerate(targets):
        rows = rows[rows >= 0]
        rng = np.random.default_rng([*seed[:-1], seed[-1] + row])
        order = rng.permutation(catalogue)
        others = order[~np.isin(order, rows)][:size]
        wanted[row, rows] = wanted[row, others] = True
    return wanted


def keep(scores, bought: np.ndarray, wanted: np.ndarray):
    """Scores `[requests, items]` with all but the wanted at minus infinity, and bought `[requests, H]` with them at -1.

    Args:
        wanted: `[requests, items]` bool.
    """
    kept = np.where((bought >= 0) & np.take_along_axis(wanted, np.maximum(bought, 0), axis=1), bought, -1)
    return tf.where(wanted, scores, tf.constant(-np.inf, scores.dtype)), kept
