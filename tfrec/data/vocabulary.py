"""Raw ids and the rows that they have in tables."""

import numpy as np
import pandas as pd


class Vocabulary:
    """Gives each raw id a row, in the order of first appearance; grows on the host, never forgets."""

    def __init__(self, ids=()) -> None:
        # Growing an index rebuilds its hash table: new ids gather in a small one until they are worth it.
        self._settled, self._recent = pd.Index([]), pd.Index([])
        if len(ids):
            self.add(ids)

    def __len__(self) -> int:
        return len(self._settled) + len(self._recent)

    @property
    def ids(self) -> np.ndarray:
        """The raw id of each row."""
        return self._all().to_numpy()

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The raw ids of `rows` `[n]`."""
        return self._all().take(rows).to_numpy()

    def add(self, ids) -> np.ndarray:
        """Rows of `ids`, int32 `[n]`; ids not seen before get the next rows."""
        codes, different = pd.factorize(pd.Index(ids), use_na_sentinel=False)  # a missing id is an id
        rows = self.rows(different)
        new = different[rows < 0]
        if len(new):
            rows[rows < 0] = np.arange(len(self), len(self) + len(new), dtype=np.int32)
            self._recent = self._recent.append(new) if len(self._recent) else new
            if len(self._recent) > max(1024, len(self._settled) // 8):
                self._settle()
        return rows[codes]

    def rows(self, ids) -> np.ndarray:
        """Rows of `ids`, int32 `[n]`; -1 for an id that was never seen."""
        ids = pd.Index(ids)
        rows = self._settled.get_indexer(ids)
        if len(self._recent):
            recent = self._recent.get_indexer(ids)
            rows = np.where(recent >= 0, recent + len(self._settled), rows)
        return rows.astype(np.int32)

    def _settle(self) -> None:
        self._settled, self._recent = self._all(), pd.Index([])

    def _all(self) -> pd.Index:
        """All ids, without a hash table as long as nobody looks an id up in them."""
        if not len(self._settled) or not len(self._recent):
            return self._settled if len(self._settled) else self._recent
        return self._settled.append(self._recent)
