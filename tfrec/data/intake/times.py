"""Times of any form as UTC without a zone."""

import zoneinfo

import numpy as np
import pandas as pd
from pandas.api import types

from tfrec.data.schema import BAD_TIME, SKIPPED, TWICE, is_text
from tfrec.errors import InputError, require

MICROSECONDS = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
# Of a time of day: Z, +02, +0200 or +02:00 at the end.
_OFFSET = r":\d.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$"


def utc(values: pd.Series, unit: str | None, form: str | None, zone: str, place: str):
    """Times in UTC, the kind of violation (one, or one a row), and where it is (None: nowhere).

    Args:
        unit: of numbers: s, ms, us or ns since 1970 in UTC. form: of texts, for `strptime`; None is ISO 8601.
        zone: of times without an offset. place: file and column, for errors.

    Raises:
        InputError: numbers without a unit, or values that are no times at all.
    """
    if types.is_datetime64_any_dtype(values.dtype):
        return (values.dt.tz_convert(None), None, None) if values.dt.tz is not None else _from_zone(values, zone)
    if is_text(values) or values.isna().all():
        texts = values.astype("str").where(values != "")
        return _from_numbers_in_text(texts, unit) if unit else _from_text(texts, form, zone)
    if types.is_numeric_dtype(values.dtype) and not types.is_bool_dtype(values.dtype):
        require(unit is not None, f"{place} holds numbers: set data.timestamp_unit to s, ms, us or ns.")
        return _from_numbers(values, unit), None, None
    raise InputError(f"{place} holds no times: mend data.columns.")


def check(unit: str | None, form: str | None, zone: str) -> None:
    """Raises InputError for options that are no unit, no time zone, or contradict each other."""
    require(unit in (None, *MICROSECONDS), f"data.timestamp_unit is '{unit}': choose s, ms, us, ns or null.")
    require(not (unit and form), "data.timestamp_unit is for numbers and data.timestamp_format for texts: set one.")
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(f"data.timezone is '{zone}': write a name such as UTC or Asia/Tokyo.") from error


def _from_numbers(values: pd.Series, unit: str) -> pd.Series:
    if types.is_integer_dtype(values.dtype) and not values.isna().any():
        return values.astype("int64").astype(f"datetime64[{unit}]")
    if types.is_integer_dtype(values.dtype):
        return values.fillna(0).astype("int64").astype(f"datetime64[{unit}]").mask(values.isna())
    micros = (values.astype(float) * MICROSECONDS[unit]).round()
    # What no int64 holds is cut: it is outside of the allowed years anyway.
    whole = micros.fillna(0).clip(-9e18, 9e18).astype("int64")
    return whole.astype("datetime64[us]").mask(values.isna())


def _from_numbers_in_text(texts: pd.Series, unit: str):
    whole = pd.to_numeric(texts, errors="coerce")
    bad = (whole.isna() & texts.notna()).to_numpy()
    return _from_numbers(whole, unit), BAD_TIME, bad


def _from_text(texts: pd.Series, form: str | None, zone: str):
    """Parses texts with an offset as they say and the others in `zone`."""
    how = {"format": form or "ISO8601", "errors": "coerce"}
    if form is None:
        offset = texts.str.contains(_OFFSET, na=False).astype(bool)
    else:
        offset = pd.Series("%z" in form, texts.index)
    if offset.all():
        parsed = pd.to_datetime(texts, utc=True, **how).dt.tz_convert(None)
        return parsed, BAD_TIME, (parsed.isna() & texts.notna()).to_numpy()
    local = pd.to_datetime(texts.mask(offset), **how)
    bad = (local.isna() & texts.notna() & ~offset).to_numpy()
    result, kind, wrong = _from_zone(local, zone)
    if offset.any():
        parsed = pd.to_datetime(texts.where(offset), utc=True, **how).dt.tz_convert(None)
        bad = bad | (parsed.isna() & offset).to_numpy()
        result = result.where(~offset, parsed)
    if wrong is None or not wrong.any():
        return result, BAD_TIME, bad
    return result, np.where(bad | ~wrong, BAD_TIME, kind), bad | wrong


def _from_zone(local: pd.Series, zone: str):
    if zone == "UTC":
        return local, None, None
    result = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    lost = result.isna() & local.notna()
    if not lost.any():
        return result.dt.tz_convert(None), None, None
    exists = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    kind = np.where(exists.isna(), TWICE, SKIPPED)
    return result.dt.tz_convert(None), kind, lost.to_numpy()
