"""CSV files: whole blocks at once where they are as they should be, row by row where not."""

import csv
import io
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from tfrec.data.intake.sources import Piece, Source, found, open_bytes, without_mark
from tfrec.data.schema import BAD_ENCODING, BAD_FIELDS, BAD_QUOTES
from tfrec.errors import InputError


def read_csv(path: Path, source: Source) -> Iterator[Piece]:
    """Pieces of a CSV file with a header in its first line; every value is text."""
    with open_bytes(path) as file:
        header = _header(file.readline(), path, source)
        columns = source.chosen(header, path)
        lines = _Lines(file, source.encoding)
        while block := lines.take(source.size):
            rows = _fast(block, header, columns, source)
            if rows is not None:
                yield Piece(rows, np.arange(lines.next - len(block), lines.next), found([]))
            else:
                lines.give_back(block)
                yield _slow(lines, lines.next + len(block), header, columns, source)


def _header(line: bytes, path: Path, source: Source) -> list[str]:
    try:
        text = without_mark(line, path).decode(source.encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}, line 1 is not valid {source.encoding}: set data.encoding, or convert it to UTF-8."
        ) from error
    try:
        names = next(csv.reader([text.rstrip("\r\n")], delimiter=source.delimiter), [])
    except csv.Error as error:
        if "\r" in text.rstrip("\r\n"):  # then the whole file is one line
            raise InputError(f"{path} ends its lines with CR alone: write LF or CR LF.") from error
        raise InputError(f"{path}, line 1 is no header of a CSV ({error}): mend it.") from error
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


def _slow(lines: "_Lines", end: int, header: list[str], columns: dict[str, str], source: Source) -> Piece:
    """The rows that begin before the line `end`, and what is wrong with them."""
    values, starts, wrong = [], [], []
    places = [header.index(name) for name in columns]
    while lines.next < end and (row := lines.row(source.delimiter)):
        start, fields, bad_bytes = row
        if fields is None:
            wrong.append((start, "", BAD_QUOTES, None))
        elif len(fields) not in (0, len(header)):
            wrong.append((start, "", BAD_FIELDS, f"{len(fields)} fields, {len(header)} in the header"))
        elif fields:
            chosen = [fields[place] for place in places]
            if bad_bytes:
                chosen, bad = _decoded(chosen, list(columns.values()), start, source.encoding)
                wrong += bad
            values.append(chosen)
            starts.append(start)
    rows = pd.DataFrame(values, columns=list(columns.values()), dtype="str")
    return Piece(rows, np.array(starts, np.int64), found(wrong))


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
    """Lines of bytes behind the header, some of which may be read twice: `next` is the number of the next one."""

    def __init__(self, file, encoding: str) -> None:
        self.next = 2
        self._file = file
        self._encoding = encoding
        self._again: deque[bytes] = deque()

    def take(self, count: int) -> list[bytes]:
        """The next lines, at most `count`."""
        taken = [self._again.popleft() for _ in range(min(count, len(self._again)))]
        taken += islice(self._file, count - len(taken))
        self.next += len(taken)
        return taken

    def give_back(self, lines: list[bytes]) -> None:
        """Makes the lines that were taken last the next ones again."""
        self._again.extendleft(reversed(lines))
        self.next -= len(lines)

    def row(self, delimiter: str) -> tuple[int, list[str] | None, bool] | None:
        """First line of the next row, its fields and whether its bytes are no text; None behind the last.

        The fields are None if its quotes are broken; then the row behind it begins in the next line.
        """
        start, taken, bad = self.next, [], []
        try:
            fields = next(csv.reader(self._texts(taken, bad), delimiter=delimiter, strict=True), None)
        except csv.Error:
            self.give_back(taken[1:])
            return start, None, False
        return None if fields is None else (start, fields, bool(bad))

    def _texts(self, taken: list[bytes], bad: list[int]) -> Iterator[str]:
        while line := self.take(1):
            taken += line
            try:
                yield line[0].decode(self._encoding)
            except UnicodeDecodeError:
                bad.append(len(taken))
                yield line[0].decode("latin-1")  # any byte is a character there, so fields can be told apart
