"""Where the row of a new id starts."""

from collections.abc import Callable

import numpy as np


def first_values(kind: str, vectors: Callable | None = None) -> Callable:
    """How rows start, as `IdTable.start` asks for it.

    Args:
        kind: `text` (by a ridge map from text vectors, fitted on the rows known so far), `mean` of those, or `zero`.
        vectors: gives the text vectors `[n, text_dim]` of id numbers `[n]`, for `text`.
    """

    def values(known: np.ndarray, rows: Callable[[], np.ndarray], new: np.ndarray) -> np.ndarray:
        if not len(known) or kind == "zero":
            return np.zeros(1)  # where all have expired, zero says nothing, where the last owner's vector would
        return ridge(vectors(known), rows())(vectors(new)) if kind == "text" else rows().mean(0)

    return values


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
