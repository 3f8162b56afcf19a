"""What rows of event logs, item tables and users tables must be: the one definition, for files and for memory."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandas.api import types

EVENT_COLUMNS = ("user", "item", "timestamp")
TIMES = ("timestamp", "known")
IDS = ("user", "item", "slate")
LABELS = ("click", "purchase")
NUMBERS = (*LABELS, "rating", "spend", "quantity", "position", "propensity")
FIRST, LAST = pd.Timestamp("1980-01-01"), pd.Timestamp("2100-01-01")
FOUND = ["row", "column", "kind", "value"]

MISSING = "is missing"
INFINITE = "is infinite"
NO_TEXT = "has no text"
UNKNOWN_ITEM = "is not in the item table"
NOT_NOW = "is before 1980 or after 2100"
EARLY_KNOWN = "is before the event's timestamp"
NEGATIVE = "is negative"
NO_LABEL = "is neither 0 nor 1"
NO_POSITION = "is not a whole number from 1 on"
NO_PROBABILITY = "is not above 0 and at most 1"
REPEATED_ID = "is there more than once"
REPEATED = "repeats an earlier row in all columns"
BAD_ENCODING = "is not valid in the encoding"
BAD_FIELDS = "has another number of fields than the header"
BAD_QUOTES = "has a quote that is not closed, or text behind a closed one"
BAD_JSON = "is not a JSON object"
BAD_TYPE = "is of another type than the rows before it"
BAD_NUMBER = "is not a number"
BAD_ID = "is neither a whole number nor text"
BAD_TIME = "is not a date and time"
TWICE = "happens twice, as the clocks go back"
SKIPPED = "never happens, as the clocks go forward"

ADVICE = {
    MISSING: "fill it in or remove the rows",
    NO_TEXT: "write an empty string where there is none",
    INFINITE: "write a finite number or remove the rows",
    UNKNOWN_ITEM: "add the item or remove the rows",
    NOT_NOW: "mend it, or if the unit of the numbers is wrong set data.timestamp_unit (s, ms, us or ns)",
    EARLY_KNOWN: "write when the label became known, at the event or after it",
    NEGATIVE: "write 0 or more, or remove returns and refunds from the log",
    NO_LABEL: "write 1 where it happened and 0 where it did not",
    NO_POSITION: "count positions from the top, which is 1",
    NO_PROBABILITY: "write the probability with which the item was shown there",
    REPEATED_ID: "keep one row of each",
    REPEATED: "remove the row, or set data.duplicates to keep or drop",
    BAD_ENCODING: "set data.encoding to that of the files, convert them to UTF-8, or mend the text",
    BAD_FIELDS: "mend the line: a value with a delimiter in it needs quotes",
    BAD_QUOTES: "close the quote, and double quotes inside of a quoted value",
    BAD_JSON: "mend the line, or remove it",
    BAD_TYPE: "write all values of a column alike",
    BAD_NUMBER: "write a number such as 12.5, or take the column out of data.types",
    BAD_ID: "write ids as whole numbers or as text",
    BAD_TIME: "write it like 2024-01-31T23:59:00, or set data.timestamp_format, or for numbers data.timestamp_unit",
    TWICE: "write times with their offset from UTC, such as +02:00",
    SKIPPED: "mend it, or set data.timezone to where the log was written",
}


def event_schema(events: pd.DataFrame, items: pd.Index | None) -> pa.DataFrameSchema:
    """The rules for the columns that `events` has.

    Args:
        items: ids of the item table; None allows any.
    """
    return pa.DataFrameSchema({name: _event_column(name, events, items) for name in events.columns})


def table_schema(table: pd.DataFrame, key: str | None) -> pa.DataFrameSchema:
    """The rules for item and users tables: no text is missing, no number infinite; a number may be missing.

    Args:
        key: the column of ids, each of which is there once; None where any value may be missing, as in versions
            that change only a part of a row.
    """
    columns = {}
    for name, values in table.items():
        checks = [pa.Check(np.isfinite, error=INFINITE)] if types.is_float_dtype(values.dtype) else []
        if name == "text" and not is_text(values):
            checks = _type_check(values, "text")
        nullable = key is None or (not is_text(values) and name != key)
        columns[name] = pa.Column(
            nullable=nullable, checks=checks, unique=name == key, report_duplicates="exclude_first"
        )
    return pa.DataFrameSchema(columns)


def version_schema(changes: pd.DataFrame, items: pd.Index | None) -> pa.DataFrameSchema:
    """The rules for later versions of items: item and time as in a log, the other columns as far as they are there."""
    columns = table_schema(changes.drop(columns=["item", "timestamp"]), None).columns
    columns |= {name: _event_column(name, changes, items) for name in ("item", "timestamp")}
    return pa.DataFrameSchema(columns)


def violations(table: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Every violation at once, by row and column: `row` (position; -1: the whole column), `column`, `kind`, `value`."""
    table = table.reset_index(drop=True)
    try:
        schema.validate(table, lazy=True, inplace=True)
    except pa.errors.SchemaErrors as errors:
        found = errors.failure_cases.rename(columns={"check": "kind", "failure_case": "value", "index": "row"})
        found["kind"] = found["kind"].replace({"not_nullable": MISSING, "field_uniqueness": REPEATED_ID})
        found["row"] = found["row"].fillna(-1).astype(int)
        order = {name: place for place, name in enumerate(table.columns)}
        place = found["column"].map(order)
        found = found.assign(place=place).sort_values(["row", "place"], kind="stable")
        # A value breaks the first rule that it breaks: -inf is infinite, not negative too.
        return found.drop_duplicates(["row", "column"])[FOUND].reset_index(drop=True)
    return pd.DataFrame(columns=FOUND)


def table_violations(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """The same for an item or users table, indexed by id; `row` is the row's id."""
    table = table.rename_axis(key).reset_index()
    found = violations(table, table_schema(table, key))
    found["row"] = [table[key].iloc[row] if row >= 0 else row for row in found["row"]]
    found.loc[(found["kind"] == MISSING) & (found["column"] != key), "kind"] = NO_TEXT
    return found


def _event_column(name: str, events: pd.DataFrame, items: pd.Index | None) -> pa.Column:
    values = events[name]
    number = types.is_numeric_dtype(values.dtype)
    if name in TIMES and not types.is_datetime64_any_dtype(values.dtype):
        return pa.Column(nullable=True, checks=_type_check(values, "a date and time"))
    if name in NUMBERS and not number:
        return pa.Column(nullable=True, checks=_type_check(values, "a number"))
    if name == "query" and not is_text(values):
        return pa.Column(nullable=True, checks=_type_check(values, "text"))
    required = name in (*EVENT_COLUMNS, *TIMES, *IDS, "query") or number
    checks = [pa.Check(np.isfinite, error=INFINITE)] if types.is_float_dtype(values.dtype) else []
    return pa.Column(nullable=not required, checks=checks + _rules(name, events, items))


def _rules(name: str, events: pd.DataFrame, items: pd.Index | None) -> list[pa.Check]:
    """What a value must be that is there and of the right type."""
    if name == "timestamp":
        return [pa.Check(lambda times: (times >= FIRST) & (times < LAST), error=NOT_NOW)]
    if name == "known":
        times = events["timestamp"].reset_index(drop=True)
        return [pa.Check(lambda known: ~(known < times.loc[known.index]), error=EARLY_KNOWN)]
    if name == "item" and items is not None:
        return [pa.Check(lambda ids: ids.isin(items), error=UNKNOWN_ITEM)]
    if name in ("spend", "quantity"):
        return [pa.Check(lambda values: values >= 0, error=NEGATIVE)]
    if name in LABELS:
        return [pa.Check(lambda values: (values == 0) | (values == 1), error=NO_LABEL)]
    if name == "position":
        return [pa.Check(lambda values: (values >= 1) & (values % 1 == 0), error=NO_POSITION)]
    if name == "propensity":
        return [pa.Check(lambda values: (values > 0) & (values <= 1), error=NO_PROBABILITY)]
    return []


def _type_check(values: pd.Series, wanted: str) -> list[pa.Check]:
    return [pa.Check(lambda _: False, error=f"has type {values.dtype}, not {wanted}")]


def is_text(values: pd.Series) -> bool:
    """Whether all values that are there are strings; of a column without any, too."""
    if isinstance(values.dtype, pd.StringDtype | pd.CategoricalDtype):
        return True
    return values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")
