"""Numbers as categories."""

import numpy as np
import pandas as pd

from tfrec.data.steps.columns import named, require_count, source, with_new
from tfrec.data.steps.per_column import PerColumn
from tfrec.data.steps.reservoir import Reservoir


class Bucket(PerColumn):
    """Adds `<column>_bucket` (strings) to a number column: which quantile range of the past the value lies in.

    With edges `e_k`, the `k / buckets` quantiles (k = 1 .. buckets - 1) of a uniform sample of the past, equal
    edges taken as one, x lies in bucket `#{k: e_k <= x}`: "bucket 0" is the lowest. A missing or infinite value
    is "missing". In the first period, and until a column has two different values in one, all of it is
    "not fitted": a column such as a relative price is 0 before there is a median, which says nothing of ranges.

    Edges stay as they were first fitted unless `refit` says otherwise. After a refit "bucket 3" means another
    range of values, while a learned table keeps the row of that name: the model must learn the row anew, and
    examples of before the refit were made with the old ranges. Refit only where the rank among all values means
    more than the value, as with prices under inflation.

    Args:
        items: number columns of the item table. events: number columns of the events.
        buckets: number of ranges.
        refit: periods from one fit to the next, None for one fit only.
        size: values of the past kept of a column.

    Raises:
        InputError: an argument of the wrong type, a column that is missing or holds no numbers.
    """

    def __init__(
        self,
        items: list[str] = (),
        events: list[str] = (),
        buckets: int = 10,
        refit: int | None = None,
        size: int = 10_000,
        seed: int = 0,
    ) -> None:
        super().__init__("bucket", items, events)
        require_count("bucket", "buckets", buckets, least=2)
        require_count("bucket", "size", size)
        require_count("bucket", "seed", seed, least=0)
        if refit is not None:
            require_count("bucket", "refit", refit)
        self.refit, self.size, self.seed = refit, size, seed
        self._quantiles = np.arange(1, buckets) / buckets
        names = [f"bucket {number:0{len(str(buckets - 1))}d}" for number in range(buckets)]
        self._names = [*names, "not fitted", "missing"]
        self._samples: dict[tuple[str, str], Reservoir] = {}
        self._edges: dict[tuple[str, str], np.ndarray] = {}
        self._age: dict[tuple[str, str], int] = {}  # periods since the edges were fitted

    def _fit_column(self, key: tuple[str, str], values: np.ndarray) -> None:
        if self.refit is None and key in self._edges:
            return
        sample = self._samples.setdefault(key, Reservoir(self.size, self.seed))
        sample.add(values)
        self._age[key] = self._age.get(key, 0) + 1
        if key not in self._edges and len(np.unique(sample.sample())) < 2:
            del self._samples[key]
        elif key not in self._edges or self._age[key] >= self.refit:
            self._edges[key] = np.unique(np.quantile(sample.sample(), self._quantiles))
            self._age[key] = 0
            if self.refit is None:
                del self._samples[key]

    def _transformed(self, table: pd.DataFrame, where: str) -> pd.DataFrame:
        new = {}
        for column in self._columns[where]:
            values, edges = self._numbers(table, where, column), self._edges.get((where, column))
            if edges is None:
                codes = np.full(len(values), -2)
            else:
                codes = np.where(np.isnan(values), -1, np.searchsorted(edges, values, side="right"))
            new[f"{column}_bucket"] = named(self._names, codes, table.index)
        return with_new(table, new, source("bucket", where))
