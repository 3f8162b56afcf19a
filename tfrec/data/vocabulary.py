"""Raw ids and the rows that they have in tables."""

import numpy as np
import pandas as pd


class Vocabulary:
    """Gives each raw id a row, in the order of first appearance; grows on the host, never forgets."""

    def __init__(self, ids=()) -> None:
        self._index = pd.Index([])
        if len(ids):
            self.add(ids)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def ids(self) -> np.ndarray:
        """The raw id of each row."""
        return self._index.to_numpy()

    def add(self, ids) -> np.ndarray:
        """Rows of `ids`, int32 `[n]`; ids not seen before get the next rows."""
        ids = pd.Index(ids)
        rows = self._index.get_indexer(ids)
        new = ids[rows < 0].unique()
        if len(new):
            self._index = new if not len(self._index) else self._index.append(new)
            rows = self._index.get_indexer(ids)
        return rows.astype(np.int32)

    def rows(self, ids) -> np.ndarray:
        """Rows of `ids`, int32 `[n]`; -1 for an id that was never seen."""
        return self._index.get_indexer(pd.Index(ids)).astype(np.int32)
