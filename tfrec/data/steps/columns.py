"""Columns as the steps read and write them, with the errors that name step, table and column."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from tfrec.data.interactions import require_columns
from tfrec.errors import require


def source(step: str, table: str) -> str:
    """What an error calls a table: `table` is `items` or `events`."""
    return f"step.{step}: the {'item table' if table == 'items' else 'event log'}"


def number(table: pd.DataFrame, column: str, where: str) -> np.ndarray:
    """A number column as float64 `[n]`; what is missing or infinite is NaN.

    Raises:
        InputError: the column is missing or does not hold numbers.
    """
    require_columns(table, (column,), where)
    values = table[column]
    require(
        pd.api.types.is_numeric_dtype(values) or not len(values),
        f"{where}, column '{column}' holds {values.dtype}, not numbers: convert it with pandas.to_numeric, "
        "or leave it out of the step.",
    )
    if not len(values):  # an empty frame made by hand has the type object
        return np.zeros(0)
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def with_new(table: pd.DataFrame, columns: Mapping[str, object], where: str) -> pd.DataFrame:
    """A copy of the table with further columns.

    Raises:
        InputError: the table has one of them already, which would be lost.
    """
    for column in columns:
        require(
            column not in table.columns,
            f"{where} has a column '{column}' already: rename it, or do not apply the step twice.",
        )
    return table.assign(**columns)


def named(names: list[str] | np.ndarray, codes: np.ndarray, index: pd.Index) -> pd.Series:
    """A column of strings: `names[codes]`, with the codes `[n]` counted from 0, or from the end if negative."""
    return pd.Series(pd.Series(names, dtype=str).array.take(codes), index=index)


def require_names(step: str, key: str, names: Iterable[str] | None) -> list[str]:
    """The names of columns as a list.

    Raises:
        InputError: not a list of different names.
    """
    require(
        isinstance(names, list | tuple)
        and all(isinstance(name, str) and name for name in names)
        and len(set(names)) == len(names),
        f"step.{step}.{key} is {names!r}: write a list of different column names, such as [price], or [] for none.",
    )
    return list(names)


def require_count(step: str, key: str, value: int, least: int = 1) -> None:
    """Raises InputError unless `value` is a whole number of at least `least`."""
    require(
        isinstance(value, int) and not isinstance(value, bool) and value >= least,
        f"step.{step}.{key} is {value!r}: choose a whole number, {least} or more.",
    )


def require_switch(step: str, key: str, value: bool) -> None:
    """Raises InputError unless `value` is true or false."""
    require(isinstance(value, bool), f"step.{step}.{key} is {value!r}: choose true or false.")
