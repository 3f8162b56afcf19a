"""From values as a file holds them to ids, times, numbers and texts; what cannot be converted is named."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api import types

from tfrec.data.intake import times
from tfrec.data.schema import BAD_ID, BAD_NUMBER, FOUND, IDS, LABELS, NUMBERS, TIMES, is_text
from tfrec.errors import InputError, require

KINDS = ("number", "text")


@dataclass(frozen=True)
class Conversion:
    """How a file's values are to be understood.

    Args:
        textual: the file knows only text (CSV): ids that are all whole numbers are numbers.
        timestamp_unit: s, ms, us or ns, where times are numbers.
        timestamp_format: as for `strptime`; None is ISO 8601.
        timezone: of times without an offset.
        types: column to number or text, where the file's own type is not what is meant.
    """

    textual: bool = False
    timestamp_unit: str | None = None
    timestamp_format: str | None = None
    timezone: str = "UTC"
    types: dict[str, str] = field(default_factory=dict)

    def __call__(self, rows: pd.DataFrame, source: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Columns of the right types, and what could not be converted, by position (missing in the first).

        Raises:
            InputError: a whole column has a type that cannot be used.
        """
        columns, wrong = {}, []
        for name in rows.columns:
            values, kind, bad = self._column(name, rows[name], f"{source}, column '{name}'")
            columns[name] = values
            if bad is not None and bad.any():
                places = np.flatnonzero(bad)
                given = rows[name].iloc[places]
                kinds = kind if isinstance(kind, str) else kind[places]
                wrong.append(pd.DataFrame({"row": places, "column": name, "kind": kinds, "value": list(given)}))
        found = pd.concat(wrong, ignore_index=True) if wrong else pd.DataFrame(columns=FOUND)
        return pd.DataFrame(columns, index=rows.index), found

    def _column(self, name: str, values: pd.Series, place: str):
        """Values of the right type, the kind of violation (one, or one a row), and where it is (None: nowhere)."""
        wanted = self.types.get(name)
        if values.dtype == object:  # pieces of JSON Lines, some without a value
            values = values.infer_objects()
        if name in TIMES:
            return times.utc(values, self.timestamp_unit, self.timestamp_format, self.timezone, place)
        if name in IDS:
            return _ids(values, place, inferred=self.textual and wanted != "text")
        if name in NUMBERS or wanted == "number":
            return _numbers(values, place, label=name in LABELS)
        if values.dtype == object and wanted is None and values.isna().all():
            return values, None, None  # other pieces of the column tell its type
        if name == "query" or wanted == "text" or is_text(values):
            return values.astype("str").fillna(""), None, None
        require(
            types.is_numeric_dtype(values.dtype) or types.is_datetime64_any_dtype(values.dtype),
            f"{place} holds neither numbers nor text: leave it out of data.columns.",
        )
        return values, None, None


def whole_numbers(values: pd.Series) -> pd.Series:
    """Texts as int64 (Int64 where some are missing) if each is a whole number as a computer writes it, else as given.

    So 7 is a number, and 007 or +7 keeps a whole column text: nothing is lost in either direction.
    """
    if not is_text(values) or values.isna().all():
        return values
    texts = pa.array(values, pa.large_string())
    try:
        numbers = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        return values
    if not pc.all(pc.equal(pc.cast(numbers, pa.large_string()), texts)).as_py():
        return values
    if numbers.null_count:
        return pd.Series(numbers.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get), index=values.index)
    return pd.Series(numbers.to_numpy(), index=values.index)


def _ids(values: pd.Series, place: str, inferred: bool):
    if types.is_bool_dtype(values.dtype):
        raise InputError(f"{place} holds yes or no, not ids: mend data.columns.")
    if types.is_integer_dtype(values.dtype):
        return values, None, None
    if types.is_float_dtype(values.dtype):
        bad = ~values.isna() & ~((values % 1 == 0) & (values.abs() <= 2**53))  # larger floats are no exact ids
        return values.mask(bad).astype("Int64"), BAD_ID, bad.to_numpy()
    if is_text(values) or values.isna().all():
        values = values.astype("str").where(values != "")
        return whole_numbers(values) if inferred else values, None, None
    raise InputError(f"{place} holds neither whole numbers nor text: mend data.columns.")


def _numbers(values: pd.Series, place: str, label: bool):
    if types.is_numeric_dtype(values.dtype):
        return values, None, None
    require(
        is_text(values) or values.isna().all(),
        f"{place} holds no numbers: mend data.columns.",
    )
    values = values.astype("str").where(values != "")
    try:
        return pd.Series(pc.cast(pa.array(values, pa.large_string()), pa.float64()).to_numpy(False)), None, None
    except pa.ArrowInvalid:
        if label:  # True and False, as pandas writes them
            lower = values.str.lower()
            values = values.mask(lower == "true", "1").mask(lower == "false", "0")
        numbers = pd.to_numeric(values, errors="coerce").astype(float)
        words = values.str.strip().str.lower().isin(["nan", "na", "null", "none"])
        bad = numbers.isna() & values.notna() & ~words
        return numbers, BAD_NUMBER, bad.to_numpy()
