"""Where the row of a new id starts."""

import numpy as np


def ridge(inputs: np.ndarray, outputs: np.ndarray, l2: float = 1.0):
    """Least-squares map from text vectors to table rows, `argmin |X W + b - Y|^2 + l2 |W|^2`.

    Args:
        inputs: text vectors of known items, `[n, text_dim]`.
        outputs: their table rows, `[n, dim]`.

    Returns:
        a function from text vectors `[m, text_dim]` to rows `[m, dim]`.
    """
    mean_in, mean_out = inputs.mean(0), outputs.mean(0)
    centred = inputs - mean_in
    gram = centred.T @ centred + l2 * np.eye(inputs.shape[1], dtype=inputs.dtype)
    weights = np.linalg.solve(gram, centred.T @ (outputs - mean_out))
    return lambda vectors: (vectors - mean_in) @ weights + mean_out
