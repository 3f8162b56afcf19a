"""Candidates drawn at random beside the targets, for those who must compare with published sampled metrics."""

import numpy as np
import tensorflow as tf


def keep_sample(scores, bought: np.ndarray, request: np.ndarray, item: np.ndarray, size: int, seed: int):
    """Scores and purchases of which only the targets and `size` other items, drawn evenly per request, stay.

    Args:
        scores: `[requests, catalogue]`. bought: `[requests, H]`, -1 for none.
        request, item: `[targets]`, the row in `scores` and the item row of each target, -1 if it has none.

    Returns:
        scores with all others at minus infinity, which `count_ahead` passes over; bought with all others at -1.
    """
    table = scores.numpy()
    rng = np.random.default_rng([seed, size])
    wanted = np.zeros(table.shape, bool)
    wanted[request[item >= 0], item[item >= 0]] = True
    # The first `size` of a random order of the others, per request.
    order = np.where(wanted, np.inf, rng.random(table.shape, np.float32))
    size = min(size, table.shape[1])
    drawn = np.argpartition(order, size - 1, axis=1)[:, :size]
    np.put_along_axis(wanted, drawn, True, axis=1)
    kept = np.where((bought >= 0) & np.take_along_axis(wanted, np.maximum(bought, 0), axis=1), bought, -1)
    return tf.convert_to_tensor(np.where(wanted, table, table.dtype.type(-np.inf))), kept
