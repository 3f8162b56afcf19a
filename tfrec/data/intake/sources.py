"""Files of a log or table as pieces of rows, each row with the place where a person finds it."""

import codecs
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from tfrec.data.schema import FOUND
from tfrec.errors import InputError, require

SUFFIXES = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
UNITS = {"parquet": "row", "csv": "line", "jsonl": "line"}

# Where a row of a log in the making is from, in one column: file number * 2**40 + line. It orders rows of one time.
AT = "_at"


@dataclass(frozen=True)
class Piece:
    """Some rows of a file, in the file's own types.

    Args:
        rows: under the names that tfrec gives the columns.
        lines: `[rows]`, int64, where each row is: the line of a text file (its first is 1, the header's included), the
            row of a Parquet file (its first is 1).
        wrong: what could not be read, as `schema.violations` says it, with lines for `row`.
    """

    rows: pd.DataFrame
    lines: np.ndarray
    wrong: pd.DataFrame


@dataclass(frozen=True)
class Source:
    """How a file is read.

    Args:
        format: parquet, csv or jsonl.
        columns: source column to name; None takes all under their own names.
        encoding: of text; one in which a line ends with the byte 10.
        size: rows of a piece.
        delimiter: between the fields of a CSV file.
        columns_key: where the columns were set, for errors.
        kinds: what the columns of JSON Lines hold, filled in from the first rows.
    """

    format: str
    columns: dict[str, str] | None
    encoding: str = "utf-8"
    size: int = 1_000_000
    delimiter: str = ","
    columns_key: str = "data.columns"
    kinds: dict[str, str] = field(default_factory=dict)

    def pieces(self, path: Path) -> Iterator[Piece]:
        """The file's rows, at most `size` at a time.

        Raises:
            InputError: the file cannot be read, or lacks a column.
        """
        from tfrec.data.intake.csv_source import read_csv
        from tfrec.data.intake.json_source import read_json
        from tfrec.data.intake.parquet_source import read_parquet

        read: Callable = {"parquet": read_parquet, "csv": read_csv, "jsonl": read_json}[self.format]
        try:
            yield from read(path, self)
        except (OSError, EOFError) as error:
            raise InputError(f"{path} cannot be read as {self.format}: {error}") from error

    def chosen(self, names: list[str], path: Path) -> dict[str, str]:
        """Source column to name, of the columns that the file has.

        Raises:
            InputError: a column is missing or there twice.
        """
        twice = [name for name in names if names.count(name) > 1]
        require(not twice, f"{path} has the column '{twice[0] if twice else ''}' more than once: rename one of them.")
        columns = self.columns if self.columns is not None else {name: name for name in names}
        for name, wanted in columns.items():
            require(
                name in names,
                f"{path} has no column '{name}' for '{wanted}' (it has {', '.join(names)}): mend "
                f"{self.columns_key}, or add the column.",
            )
        return columns


def find_files(path: str, format: str | None, key: str) -> tuple[list[Path], str]:
    """Files of a log or table, sorted by name, and their format.

    Args:
        path: a file, or a folder of files of one format (files of other kinds and hidden ones are left out).
        format: parquet, csv or jsonl; None tells it by the names, of which `.gz` is taken off.
        key: where the path was set, for errors.
    """
    require(format in (None, *UNITS), f"data.format is '{format}': choose parquet, csv, jsonl or null.")
    root = Path(path)
    require(root.exists(), f"{path} is not there: set {key} to a file or a folder.")
    if root.is_file():
        kind = format or format_of(root)
        require(kind is not None, f"The format of {path} is not known: set data.format to parquet, csv or jsonl.")
        return [root], kind
    files = sorted(file for file in root.iterdir() if file.is_file() and file.name[0] not in "._")
    known = [file for file in files if format or format_of(file)]
    require(len(known) > 0, f"The folder {path} has no Parquet, CSV or JSON Lines files: set {key} to one that has.")
    kinds = {format or format_of(file): file.name for file in known}
    require(
        len(kinds) == 1,
        f"The folder {path} has files of several formats ({', '.join(kinds.values())}): keep one, or set {key} "
        "to one file.",
    )
    return known, next(iter(kinds))


def format_of(path: Path) -> str | None:
    """parquet, csv or jsonl by the file's name; None if it does not tell."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def open_bytes(path: Path):
    """A text file's bytes, unpacked if its name ends in .gz."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb")


def without_mark(line: bytes, path: Path) -> bytes:
    """A file's first line without the mark of UTF-8.

    Raises:
        InputError: the file is UTF-16 or UTF-32, in which a line does not end with the byte 10.
    """
    require(
        not line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" not in line,
        f"{path} is not UTF-8 but looks like UTF-16: convert it to UTF-8.",
    )
    return line.removeprefix(codecs.BOM_UTF8)


def blocks(file, size: int) -> Iterator[list[bytes]]:
    """Lines of a file, `size` at a time; the last block may be shorter."""
    while block := list(islice(file, size)):
        yield block


def found(wrong: list[tuple[int, str, str, object]]) -> pd.DataFrame:
    """Violations from tuples (line, column, kind, value)."""
    return pd.DataFrame(wrong, columns=FOUND)
