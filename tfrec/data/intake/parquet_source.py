"""Parquet files, whose types are right already."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from tfrec.data.intake.sources import Piece, Source, found
from tfrec.data.schema import BAD_ENCODING
from tfrec.errors import InputError

_BUFFER_BYTES = 1 << 20


def read_parquet(path: Path, source: Source) -> Iterator[Piece]:
    """Pieces of a Parquet file; column chunks are streamed, so that a large row group is not held whole."""
    try:
        file = pq.ParquetFile(path, buffer_size=_BUFFER_BYTES)
        columns = source.chosen(file.schema_arrow.names, path)
        end = 0
        for batch in file.iter_batches(source.size, columns=list(columns), use_threads=False):
            start, end = end, end + len(batch)
            lines = np.arange(start + 1, end + 1)
            yield _piece(batch.select(list(columns)).rename_columns(list(columns.values())), lines, source.encoding)
    except pa.ArrowException as error:
        raise InputError(f"{path} cannot be read as parquet: {error}") from error


def _piece(batch: pa.RecordBatch, lines: np.ndarray, encoding: str) -> Piece:
    columns, wrong = {}, []
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if types.is_decimal(values.type):
            values = values.cast(pa.float64())
        if types.is_date(values.type):
            values = values.cast(pa.timestamp("s"))
        if _is_text(values.type):
            values, bad = _decoded(values, encoding)
            wrong += [(int(lines[row]), name, BAD_ENCODING, value) for row, value in bad]
        columns[name] = _series(values)
    return Piece(pd.DataFrame(columns), lines, found(wrong))


def _series(values: pa.Array) -> pd.Series:
    if types.is_integer(values.type) and values.null_count:  # as floats, large ids would be rounded
        return values.cast(pa.int64()).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return values.to_pandas()


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))


def _decoded(values: pa.Array, encoding: str) -> tuple[pa.Array, list[tuple[int, str]]]:
    """Text as strings, and the rows whose bytes are none: Parquet itself does not look."""
    if types.is_string(values.type) or types.is_large_string(values.type):
        encoding = "utf-8"
        if _is_utf8(values):
            return values, []
    elif encoding.lower() in ("utf-8", "utf8"):
        text = pc.cast(values, pa.large_string(), safe=False)
        if _is_utf8(text):
            return text, []
    texts, bad = [], []
    for row, value in enumerate(pc.cast(values, pa.large_binary()).to_pylist()):
        try:
            texts.append(None if value is None else value.decode(encoding))
        except UnicodeDecodeError:
            texts.append(None)
            bad.append((row, repr(value)[2:-1]))
    return pa.array(texts, pa.large_string()), bad


def _is_utf8(values: pa.Array) -> bool:
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
