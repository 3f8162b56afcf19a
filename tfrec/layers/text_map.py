"""Where the row of a new id starts."""

from collections.abc import Callable

import numpy as np

NEAREST = 10
BLOCK = 256  # vectors whose cosines to all known ones are in memory at once


def first_values(kind: str, vectors: Callable | None = None) -> Callable:
    """How rows start, as `IdTable.start` asks for it.

    Args:
        kind: `text` (by a ridge map from text vectors, fitted on the rows known so far), `neighbours` (the mean of the
            rows of the `NEAREST` ids known so far whose texts are nearest), `mean` of all known rows, or `zero`.
        vectors: gives the text vectors `[n, text_dim]` of id numbers `[n]`, for `text` and `neighbours`.
    """

    def values(known: np.ndarray, rows: Callable[[], np.ndarray], new: np.ndarray) -> np.ndarray:
        if not len(known) or kind == "zero":
            return np.zeros(1)  # where all have expired, zero says nothing, where the last owner's vector would
        if kind == "mean":
            return rows().mean(0)
        if kind == "neighbours":
            return rows()[nearest(vectors(new), vectors(known), NEAREST)].mean(axis=1)
        return ridge(vectors(known), rows())(vectors(new))

    return values


def nearest(asked: np.ndarray, known: np.ndarray, number: int) -> np.ndarray:
    """Rows of the `number` known vectors with the highest cosine to each asked one, `[asked, up to number]`."""
    asked, known = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (asked, known))
    number, found = min(number, len(known)), []
    for start in range(0, len(asked), BLOCK):
        cosines = asked[start : start + BLOCK] @ known.T
        found.append(np.argpartition(-cosines, number - 1, axis=1)[:, :number])
    return np.concatenate(found)


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
