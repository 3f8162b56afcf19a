"""A log of any length on its way to disk: checked piece by piece, then brought into time order."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec.data.intake.convert import Conversion, whole_numbers
from tfrec.data.intake.opened import Opened
from tfrec.data.intake.sources import AT, Piece
from tfrec.data.log import ROW_GROUP
from tfrec.data.schema import IDS, LABELS, TIMES, event_schema, violations
from tfrec.data.violations import Violations
from tfrec.errors import InputError

logger = logging.getLogger(__name__)

_LINE_BITS = 40


@dataclass
class Parts:
    """Checked pieces as Parquet files in the order in which they were read.

    Args:
        in_order: no row is before the one in front of it.
    """

    paths: list[Path]
    in_order: bool = True
    rows: int = 0
    dropped: int = 0


def write_parts(
    log: Opened, known_items: Callable[[pd.Series], pd.Index | None], found: Violations, folder: Path
) -> Parts:
    """Writes the valid rows of each piece; what is wrong with the others is added to `found`.

    Args:
        known_items: ids of the item table, of the kind of these ids; None allows any.
    """
    parts, newest = Parts([]), None
    for file, name, piece in log.pieces():
        rows, wrong = checked(piece, log.conversion, lambda rows: event_schema(rows, known_items(rows["item"])), name)
        found.add(wrong, name, log.unit)
        bad = np.isin(piece.lines, wrong["row"].to_numpy(dtype=np.int64))
        # Lines that could not be read at all are no rows of the piece.
        parts.dropped += int(bad.sum()) + len(set(wrong["row"]) - set(piece.lines[bad]))
        if bad.any():
            rows = rows[~bad].reset_index(drop=True)
        if rows.empty:
            continue
        times = rows["timestamp"]
        parts.in_order &= times.is_monotonic_increasing and (newest is None or times.iloc[0] >= newest)
        newest, parts.rows = times.iloc[-1], parts.rows + len(rows)
        table = _typed(rows, log.conversion).append_column(AT, pa.array(at(file, piece.lines[~bad])))
        parts.paths.append(folder / f"{len(parts.paths):07d}.parquet")
        pq.write_table(table, parts.paths[-1], compression="lz4", use_dictionary=False, write_statistics=False)
    return parts


def checked(piece: Piece, conversion: Conversion, schema: Callable, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A piece's rows in the right types, and all that is wrong with them, by line.

    Raises:
        InputError: a whole column is of a type that cannot be used.
    """
    rows, unread = conversion(piece.rows, name)
    broken = violations(rows, schema(rows))
    whole = broken[broken["row"] < 0]
    if len(whole):
        raise InputError(f"{name}, column '{whole['column'].iloc[0]}' {whole['kind'].iloc[0]}: mend data.columns.")
    wrong = [found for found in (unread, broken) if len(found)]
    if wrong:
        wrong = pd.concat(wrong)
        wrong["row"] = piece.lines[wrong["row"].to_numpy(dtype=np.int64)]
        wrong = [wrong]
    wrong = pd.concat([found for found in (piece.wrong, *wrong) if len(found)] or [piece.wrong])
    # What could not be read is missing then: it is named once, by the first reason.
    return rows, wrong.drop_duplicates(["row", "column"]).sort_values("row", kind="stable")


def unified(parts: Parts, textual: bool) -> None:
    """Rewrites parts of which a column's type differs from the others': whole and other numbers, numbers and text.

    Raises:
        InputError: numbers in one file, text in another, where files know types.
    """
    schemas = [pq.read_schema(path) for path in parts.paths]
    for name in (name for name in IDS if textual and name in schemas[0].names):
        if any(pa.types.is_large_string(schema.field(name).type) for schema in schemas):
            schemas = [s.set(s.get_field_index(name), pa.field(name, pa.large_string())) for s in schemas]
    try:
        wanted = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise InputError(f"The event files disagree about a column: {error}. Write it alike in all of them.") from error
    for place, kind in enumerate(wanted.types):  # of JSON Lines: no file knows what it is
        if pa.types.is_null(kind):
            wanted = wanted.set(place, wanted.field(place).with_type(pa.large_string()))
    for path in (path for path in parts.paths if not pq.read_schema(path).equals(wanted)):
        table = pq.read_table(path)
        for place, (name, old, new) in enumerate(zip(wanted.names, table.schema.types, wanted.types, strict=True)):
            if pa.types.is_null(old) and not pa.types.is_large_string(new):
                raise InputError(
                    f"Column '{name}' is missing in many rows, and a number in others: set data.types.{name}=number "
                    "to have all of them named."
                )
            values = pa.array([""] * len(table)) if pa.types.is_null(old) else table[name]
            table = table.set_column(place, name, values.cast(new))
        pq.write_table(table, path, compression="lz4")


def in_time_order(parts: Parts, folder: Path, memory: str) -> Iterator[pa.Table]:
    """All rows by (timestamp, file, line): sorted on disk with bounded memory, or as they are if they are in order."""
    paths = parts.paths
    if not parts.in_order:
        logger.info("the log is not in time order: sorted stably by timestamp")
        options = {"memory_limit": memory, "temp_directory": str(folder / "sorting")}
        with duckdb.connect(":memory:", config=options) as connection:
            connection.execute("SET enable_progress_bar = false")
            ordered = connection.read_parquet([str(path) for path in paths]).order(f"timestamp, {AT}")
            ordered.write_parquet(str(folder / "sorted.parquet"), compression="lz4", row_group_size=ROW_GROUP)
        paths = [folder / "sorted.parquet"]
    schema = pq.read_schema(parts.paths[0])
    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(ROW_GROUP, use_threads=False):
            yield pa.Table.from_batches([batch]).cast(schema)


def at(file, lines):
    """Values of the column `AT` from file numbers and lines."""
    return (np.asarray(file, np.int64) << _LINE_BITS) + np.asarray(lines, np.int64)


def place(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """File numbers and lines from values of the column `AT`."""
    return at >> _LINE_BITS, at & ((1 << _LINE_BITS) - 1)


def _typed(rows: pd.DataFrame, conversion: Conversion) -> pa.Table:
    """Valid rows in the types that a log is kept in, whatever the file had."""
    columns = {}
    for name, values in rows.items():
        if name in IDS and conversion.textual and conversion.types.get(name) != "text":
            values = whole_numbers(values)  # a row that is gone now may have been the only one with other ids
        array = pa.array(values, from_pandas=True)
        if name in TIMES:
            array = array.cast(pa.timestamp("ns"))
        elif name in LABELS:
            array = array.cast(pa.float64()).cast(pa.int8())
        elif name == "position":
            array = array.cast(pa.float64()).cast(pa.int32())
        elif name in IDS and pa.types.is_integer(array.type):
            array = array.cast(pa.int64())
        elif pa.types.is_string(array.type):
            array = array.cast(pa.large_string())
        columns[name] = array
    return pa.table(columns)
