"""Encoders without their smallest weights."""

import numpy as np

from tfrec.errors import require


def prune(backbone, share: float) -> None:
    """Sets the smallest weights of each kernel and of each table of tokens to 0 (magnitude pruning, Han et al., 2015).

    The matrices stay as large in memory and take the same time; what shrinks is a compressed file of them. Weights that
    learn afterwards (`peft=full`) do not stay 0.

    Args:
        share: of each matrix, that becomes 0.

    Raises:
        InputError: the share is not from 0 to below 1.
    """
    require(0 <= share < 1, f"encoder.prune is {share}: choose from 0 to below 1, or null.")
    for variable in backbone.variables:
        if variable.path.endswith(("kernel", "embeddings")):
            values = variable.numpy().copy()
            smallest = np.argsort(np.abs(values), axis=None, kind="stable")[: round(share * values.size)]
            values.flat[smallest] = 0
            variable.assign(values)
