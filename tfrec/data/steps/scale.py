"""Numbers on one scale."""

import numpy as np
import pandas as pd
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from tfrec.data.steps.columns import require_count, require_switch, source, with_new
from tfrec.data.steps.per_column import PerColumn
from tfrec.data.steps.reservoir import Reservoir
from tfrec.errors import require

HOW = ("standard", "min_max", "robust")


class Scale(PerColumn):
    """Number columns as float32, in place: `(x - centre) / width`, with centre and width of the past.

    | how | centre | width | fitted on |
    | standard | mean | standard deviation | all of the past (running sums) |
    | min_max | smallest | largest - smallest | all of the past |
    | robust | median | 75 % quantile - 25 % quantile | a uniform sample of the past |

    A width of 0 is taken as 1. Values outside of the past's range fall outside of [0, 1] with min_max. A missing
    or infinite value becomes 0. In the first period, as long as a column has no value, all of it is 0. A column of
    the items learns each item once, when it is first seen.

    Args:
        items: number columns of the item table. events: number columns of the events.
        how: standard, min_max or robust.
        log1p: takes `sign(x) log(1 + |x|)` first, for prices and counts.
        missing: adds `<column>_missing`, float32, 1 where the value is missing.
        size: values kept of a column for `robust`.

    Raises:
        InputError: an argument of the wrong type, a column that is missing or holds no numbers.
    """

    def __init__(
        self,
        items: list[str] = (),
        events: list[str] = (),
        how: str = "standard",
        log1p: bool = False,
        missing: bool = False,
        size: int = 10_000,
        seed: int = 0,
    ) -> None:
        super().__init__("scale", items, events)
        require(how in HOW, f"step.scale.how is {how!r}: choose {', '.join(HOW)}.")
        require_switch("scale", "log1p", log1p)
        require_switch("scale", "missing", missing)
        require_count("scale", "size", size)
        require_count("scale", "seed", seed, least=0)
        self.how, self.log1p, self.missing, self.size, self.seed = how, log1p, missing, size, seed
        self._scalers: dict[tuple[str, str], StandardScaler | MinMaxScaler | RobustScaler] = {}
        self._samples: dict[tuple[str, str], Reservoir] = {}

    def _fit_column(self, key: tuple[str, str], values: np.ndarray) -> None:
        values = values[~np.isnan(values)][:, None]
        if not len(values):
            return
        if self.how == "robust":
            sample = self._samples.setdefault(key, Reservoir(self.size, self.seed))
            sample.add(values[:, 0])
            self._scalers[key] = RobustScaler().fit(sample.sample()[:, None])
        else:
            kind = StandardScaler if self.how == "standard" else MinMaxScaler
            self._scalers.setdefault(key, kind()).partial_fit(values)

    def _transformed(self, table: pd.DataFrame, where: str) -> pd.DataFrame:
        scaled, missing = {}, {}
        for column in self._columns[where]:
            values = self._numbers(table, where, column)
            scaler = self._scalers.get((where, column))
            unknown = np.isnan(values)
            if scaler is None or not len(values):
                values = np.zeros(len(values))
            else:
                values = np.where(unknown, 0, scaler.transform(values[:, None])[:, 0])
            scaled[column] = values.astype(np.float32)
            missing[f"{column}_missing"] = unknown.astype(np.float32)
        return with_new(table.assign(**scaled), missing if self.missing else {}, source("scale", where))

    def _numbers(self, table: pd.DataFrame, where: str, column: str) -> np.ndarray:
        values = super()._numbers(table, where, column)
        return np.sign(values) * np.log1p(np.abs(values)) if self.log1p else values
