"""CSV files: whole blocks at once where they are as they should be, row by row where not."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from tfrec.data.schema import BAD_ENCODING, BAD_FIELDS, BAD_QUOTES
from tfrec.data.sources import Piece, Source, blocks, found, open_bytes
from tfrec.errors import InputError


def read_csv(path: Path, source: Source) -> Iterator[Piece]:
    """Pieces of a CSV file with a header in its first line; every value is text."""
    with open_bytes(path) as file:
        header = _header(file.readline(), path, source)
        columns = source.chosen(header, path)
        first = 2
        for block in blocks(file, source.size):
            rows = _fast(block, header, columns, source)
            if rows is not None:
                lines, wrong = np.arange(first, first + len(block)), []
                first += len(block)
            else:
                rows, lines, wrong, first = _slow(block, file, first, header, columns, source)
            yield Piece(rows, lines, found(wrong))


def _header(line: bytes, path: Path, source: Source) -> list[str]:
    try:
        text = line.removeprefix(b"\xef\xbb\xbf").decode(source.encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, line 1 is not valid {source.encoding}: set data.encoding.") from error
    names = next(csv.reader([text.rstrip("\r\n")], delimiter=source.delimiter), [])
    if not names:
        raise InputError(f"{path} has no header: its first line must name the columns.")
    return [name.strip() for name in names]


def _fast(block: list[bytes], header: list[str], columns: dict[str, str], source: Source) -> pd.DataFrame | None:
    """The rows of a block in which each line is a row, or None."""
    content = b"".join(block)
    try:
        text = content.decode(source.encoding)
        table = arrow_csv.read_csv(
            io.BytesIO(content if source.encoding == "utf-8" else text.encode()),
            read_options=arrow_csv.ReadOptions(column_names=header, use_threads=False, block_size=len(content) + 1),
            parse_options=arrow_csv.ParseOptions(delimiter=source.delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pa.string() for name in header},
                include_columns=list(columns),
                strings_can_be_null=False,
            ),
        )
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None
    if len(table) != len(block):  # empty lines, or values of several lines
        return None
    # Arrow takes what follows a closing quote as part of the value; the slow way names such rows.
    if b'"' in content and _has_bad_quotes(text, source.delimiter):
        return None
    return table.rename_columns(list(columns.values())).to_pandas()


def _has_bad_quotes(text: str, delimiter: str) -> bool:
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            pass
    except csv.Error:
        return True
    return False


def _slow(block, file, first: int, header: list[str], columns: dict[str, str], source: Source):
    """Rows, their lines, what is wrong, and the number of the next line; reads on where a value crosses the end."""
    reader = _Lines(chain(block, file), first, source.encoding)
    values, lines, wrong = [], [], []
    place = [header.index(name) for name in columns]
    while reader.next_line < first + len(block):
        start, fields, bad_bytes = reader.row(source.delimiter)
        if fields is None:
            wrong.append((start, "", BAD_QUOTES, None))
        elif len(fields) not in (0, len(header)):
            wrong.append((start, "", BAD_FIELDS, f"{len(fields)} fields, {len(header)} in the header"))
        elif fields:
            row = [fields[i] for i in place]
            if bad_bytes:
                row, bad = _decoded(row, list(columns.values()), start, source.encoding)
                wrong += bad
            values.append(row)
            lines.append(start)
    rows = pd.DataFrame(values, columns=list(columns.values()), dtype="str")
    return rows, np.array(lines, np.int64), wrong, reader.next_line


def _decoded(row: list[str], names: list[str], line: int, encoding: str):
    """Fields of a line that was read byte by byte, and those that are not text in this encoding."""
    texts, wrong = [], []
    for name, value in zip(names, row, strict=True):
        content = value.encode("latin-1")
        try:
            texts.append(content.decode(encoding))
        except UnicodeDecodeError:
            texts.append("")
            wrong.append((line, name, BAD_ENCODING, repr(content)[2:-1]))
    return texts, wrong


class _Lines:
    """Takes one row at a time from lines of bytes, and starts again behind the first line of one that is broken."""

    def __init__(self, lines: Iterable[bytes], first: int, encoding: str) -> None:
        self._lines = iter(lines)
        self.next_line = first
        self._encoding = encoding
        self._taken: list[bytes] = []
        self._bad_bytes = False

    def row(self, delimiter: str) -> tuple[int, list[str] | None, bool]:
        """First line of the next row, its fields (None if its quotes are broken), and whether bytes are no text."""
        start = self.next_line
        self._taken, self._bad_bytes = [], False
        try:
            fields = next(csv.reader(self._texts(), delimiter=delimiter, strict=True), [])
        except csv.Error:
            self._lines = chain(self._taken[1:], self._lines)
            self.next_line = start + 1
            return start, None, False
        return start, fields, self._bad_bytes

    def _texts(self) -> Iterator[str]:
        for line in self._lines:
            self._taken.append(line)
            self.next_line += 1
            try:
                yield line.decode(self._encoding)
            except UnicodeDecodeError:
                self._bad_bytes = True
                yield line.decode("latin-1")  # any byte is a character there, so fields can be told apart
