"""JSON Lines: whole blocks at once where they are as they should be, line by line where not."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import json as arrow_json
from pyarrow import types

from tfrec.data.intake.sources import Piece, Source, blocks, found, open_bytes, without_mark
from tfrec.data.schema import BAD_ENCODING, BAD_JSON, BAD_TYPE
from tfrec.errors import InputError

# What a column holds is told by the first row that has a value; whole and other numbers are one kind.
_KINDS = {str: "text", int: "number", float: "number", bool: "yes or no"}
_INT64 = 1 << 63


def read_json(path: Path, source: Source) -> Iterator[Piece]:
    """Pieces of a JSON Lines file; without `columns` the first line says which there are."""
    with open_bytes(path) as file:
        columns, first = source.columns, 1
        for block in blocks(file, source.size):
            if first == 1:
                block[0] = without_mark(block[0], path)
                if columns is None:
                    columns = {name: name for name in _keys(block[0], path, source.encoding)}
            lines = np.arange(first, first + len(block))
            first += len(block)
            rows, wrong = _fast(block, columns, source), []
            if rows is None:
                rows, kept, wrong = _slow(block, int(lines[0]), columns, source)
                lines = np.array(kept, np.int64)
            yield Piece(rows, lines, found(wrong))


def _keys(line: bytes, path: Path, encoding: str) -> list[str]:
    try:
        row = json.loads(line.decode(encoding))
    except ValueError as error:
        raise InputError(f"{path}, line 1 is not a JSON object ({error}): mend it, or set data.columns.") from error
    if not isinstance(row, dict):
        raise InputError(f"{path}, line 1 is not a JSON object: write one a line.")
    return list(row)


def _fast(block: list[bytes], columns: dict[str, str], source: Source) -> pd.DataFrame | None:
    """The rows of a block in which each line is an object of columns of one kind each, or None."""
    content, kinds = b"".join(block), source.kinds
    try:
        text = content.decode(source.encoding)
        content = content if source.encoding == "utf-8" else text.encode()
        # Arrow takes texts that look like times for times, in its own way: such columns are read again as texts.
        table = _parse(content, {name: pa.string() for name, kind in kinds.items() if kind == "text"})
        times = [field.name for field in table.schema if types.is_timestamp(field.type)]
        if times:
            kinds |= dict.fromkeys((name for name in times if name in columns and name not in kinds), "text")
            table = _parse(content, dict.fromkeys(times, pa.string()))
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None
    if len(table) != len(block):
        return None
    table = pa.table(
        {
            wanted: table[name] if name in table.schema.names else pa.nulls(len(table))
            for name, wanted in columns.items()
        }
    )
    for name, field in zip(columns, table.schema, strict=True):
        if types.is_nested(field.type) or kinds.setdefault(name, _kind(field.type)) != _kind(field.type):
            if not types.is_null(field.type):
                return None
        if kinds[name] is None:
            del kinds[name]
    rows = table.to_pandas()
    if any(_rounded(column, rows[name]) for name, column in zip(rows, table.columns, strict=True)):
        return None
    return rows


def _rounded(column: pa.ChunkedArray, values: pd.Series) -> bool:
    """Whether a large id could have lost its last digits, as a float beside missing or larger ones."""
    if types.is_integer(column.type):
        return column.null_count > 0
    return types.is_floating(column.type) and bool((values.abs() >= 2**53).any())


def _parse(content: bytes, schema: dict[str, pa.DataType]) -> pa.Table:
    return arrow_json.read_json(
        io.BytesIO(content),
        read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(content) + 1),
        parse_options=arrow_json.ParseOptions(explicit_schema=pa.schema(schema)),
    )


def _kind(kind: pa.DataType) -> str | None:
    if types.is_string(kind):
        return "text"
    if types.is_boolean(kind):
        return "yes or no"
    return None if types.is_null(kind) else "number"


def _slow(block: list[bytes], first: int, columns: dict[str, str], source: Source):
    """Rows, their lines, and what is wrong."""
    values, lines, wrong = [], [], []
    for line, content in enumerate(block, first):
        if not content.strip():
            continue
        try:
            row = json.loads(content.decode(source.encoding))
        except UnicodeDecodeError as error:
            wrong.append((line, "", BAD_ENCODING, repr(error.object[error.start : error.end])[2:-1]))
            continue
        except ValueError:
            row = None
        if not isinstance(row, dict):
            wrong.append((line, "", BAD_JSON, content.decode(source.encoding).strip()))
            continue
        values.append(
            [_value(row.get(name), name, wanted, line, source.kinds, wrong) for name, wanted in columns.items()]
        )
        lines.append(line)
    rows = pd.DataFrame(values, columns=list(columns.values()), dtype=object)
    typed = {column: _typed(rows[column], source.kinds.get(name)) for name, column in columns.items()}
    return pd.DataFrame(typed, index=rows.index), lines, wrong


def _value(value, name: str, wanted: str, line: int, kinds: dict[str, str], wrong: list):
    if value is None:
        return None
    kind = _KINDS.get(type(value))
    too_large = type(value) is int and not -_INT64 <= value < _INT64
    if kind is None or too_large or kinds.setdefault(name, kind) != kind:
        wrong.append((line, wanted, BAD_TYPE, json.dumps(value, ensure_ascii=False)))
        return None
    return value


def _typed(values: pd.Series, kind: str | None) -> pd.Series:
    if kind == "text":
        return values.astype("str")
    if kind == "number":
        whole = all(value is None or isinstance(value, int) for value in values)
        return values.astype("Int64" if whole else "float64")
    return values.astype("boolean") if kind == "yes or no" else values
