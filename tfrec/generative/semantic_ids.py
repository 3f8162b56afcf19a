"""Ids that say what an item is: codes of its text, and a last code that tells equal ones apart."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.generative.quantiser import ResidualQuantiser
from tfrec.layers.growing import GrowingTable


class SemanticIds(tf.keras.layers.Layer):
    """`id = (code_1, ..., code_levels, last)`: residual codes of the text's vector, and the number of the item among
    those with the same codes (Rajput et al., NeurIPS 2023).

    The codebooks are fitted once; later items get codes from the same books, and an item keeps its id.

    Args:
        levels: codes from the text. codes: different ones of each level.
        last: items that may share the codes of a text. Of more, the rest have the id of the last of them, so that a
            search does not find them.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, levels: int = 3, codes: int = 64, last: int = 256, seed: int = 0, name="ids") -> None:
        super().__init__(name=name)
        for key, value in {"levels": levels, "codes": codes, "last": last}.items():
            require(value >= 1, f"model.ids.{key} is {value}: choose 1 or more.")
        require(
            codes**levels < 2**62,
            f"model.ids.codes={codes} and model.ids.levels={levels} make more ids than can be counted: choose fewer.",
        )
        self.levels, self.codes, self.last, self.seed = levels, codes, last, seed
        self.sizes = [codes] * levels + [last]  # of each place of an id
        self.table = GrowingTable(levels + 1, stddev=0, trainable=False, dtype="int32", name="codes")
        self.quantiser: ResidualQuantiser | None = None
        self.fitted = False

    def start(self, dim: int) -> None:
        """Makes the codebooks of vectors of length `dim`."""
        self.quantiser = ResidualQuantiser(self.levels, self.codes, dim, self.seed)

    def fit(self, vectors: np.ndarray) -> None:
        """Fits the codebooks to the text vectors of the items known by now, `[n, dim]`."""
        self.quantiser.fit(vectors)
        self.fitted = True

    def add(self, vectors: np.ndarray) -> bool:
        """Gives ids to the next items, by their text vectors `[n, dim]`; returns whether the table was replaced."""
        self.require_fitted()
        known = self.table.rows
        if not len(vectors):
            return False
        codes = np.concatenate([self.all[:, :-1], self.quantiser.codes_of(vectors)])
        number = numbered(codes @ (np.int64(self.codes) ** np.arange(self.levels)[::-1]))
        number = np.minimum(number, self.last - 1)
        replaced = self.table.grow(len(codes))
        new = np.arange(known, len(codes))
        self.table.assign(new, np.column_stack([codes, number])[new])
        return replaced

    def require_fitted(self) -> None:
        """Raises InputError before the ids are there."""
        require(
            self.fitted,
            "model=generative has no semantic ids (model.ids) yet: they are fitted once the base (loop.base) is known, "
            "so nothing can be learned or scored before; choose loop=incremental.",
        )

    @property
    def all(self) -> np.ndarray:
        """Ids of all items, `[items, levels + 1]`."""
        return self.table.table.numpy()[: self.table.rows]

    @property
    def hidden(self) -> np.ndarray:
        """Which items have the id of an earlier one, bool `[items]`."""
        first = np.unique(self.all, axis=0, return_index=True)[1]
        return ~np.isin(np.arange(self.table.rows), first)

    def call(self, rows):
        """Ids `[..., levels + 1]`, int32, of item rows `[...]`."""
        return self.table(rows)


def numbered(keys: np.ndarray) -> np.ndarray:
    """How many equal keys are before each one, `[n]`."""
    order = np.argsort(keys, kind="stable")
    _, first, inverse = np.unique(keys[order], return_index=True, return_inverse=True)
    number = np.empty(len(keys), np.int64)
    number[order] = np.arange(len(keys)) - first[inverse]
    return number
