"""Files that were asked for, found and ready to be read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tfrec.data.intake.convert import Conversion
from tfrec.data.intake.sources import AT, UNITS, Piece, Source, find_files
from tfrec.errors import require


@dataclass(frozen=True)
class Files:
    """Files of a log or of a table as they were asked for.

    Args:
        path: a file or folder. key: where it was set, for errors.
        columns: source column to name; None takes all. columns_key: where that was set.
        text: source columns that make up an item's text.
    """

    path: str
    key: str
    columns: dict[str, str] | None
    columns_key: str
    text: list[str] | None = None

    def find(self, format: str) -> tuple[list[Path], str]:
        """Paths and their format; `format` is "" where their names are to tell."""
        # A table may be of another kind than the log: a format that is set holds where names do not tell.
        return find_files(self.path, format or None, self.key)


@dataclass(frozen=True)
class Opened:
    """Files of one format, how they are read, and what their values mean.

    Args:
        text: names of the columns that make up an item's text. keep: names that stay beside it, None: all others.
    """

    paths: list[Path]
    source: Source
    conversion: Conversion
    text: list[str] | None
    keep: list[str] | None

    @property
    def unit(self) -> str:
        """What a row of these files is called."""
        return UNITS[self.source.format]

    def pieces(self) -> Iterator[tuple[int, str, Piece]]:
        """Number and name of the file, and a piece of it, file by file."""
        for file, path in enumerate(self.paths):
            for piece in self.source.pieces(path):
                yield file, str(path), piece


def opened(files: Files, source: Source, conversion: Conversion, required: tuple[str, ...]) -> Opened:
    """Finds files and settles their format and columns.

    Raises:
        InputError: the files are not there, or a required column is not among those that were chosen.
    """
    paths, format = files.find(source.format)
    source = replace(source, format=format, columns=None)
    given = files.columns if files.columns is not None else _all_columns(paths, source, files.columns_key)
    require(len(given) > 0, f"{files.path} has no rows: give a file with at least one, or mend {files.key}.")
    hint = f"set {files.columns_key}, for example {files.columns_key}={{my_{required[0]}_column:{required[0]}}}"
    for name in required:
        if files.columns is not None:
            require(name in given.values(), f"{files.columns_key} has no column for '{name}': add it.")
        require(name in given.values(), f"{paths[0]} has no column '{name}' (it has {', '.join(given)}): {hint}.")
    twice = [name for name in given.values() if list(given.values()).count(name) > 1]
    require(not twice, f"{files.columns_key} has several columns for '{twice[0] if twice else ''}': keep one.")
    require(AT not in given.values(), f"{paths[0]} has a column '{AT}', which tfrec uses itself: rename it.")
    beside = {name: name for name in files.text or () if name not in given}
    text = [given.get(name, name) for name in files.text] if files.text else None
    keep = list(given.values()) if files.columns is not None else None
    source = replace(source, columns={**given, **beside}, kinds={}, columns_key=files.columns_key)
    return Opened(paths, source, replace(conversion, textual=format == "csv"), text, keep)


def _all_columns(paths: list[Path], source: Source, key: str) -> dict[str, str]:
    """The columns of the first file that has rows.

    Raises:
        InputError: a later one has more, which nobody would miss.
    """
    names, first = [], None
    for path in paths:
        for piece in replace(source, size=1, kinds={}).pieces(path):
            if first is None:
                names, first = list(piece.rows.columns), path
            more = [name for name in piece.rows.columns if name not in names]
            require(
                not more,
                f"{path} has columns that {first} does not have ({', '.join(more)}): add them there, or name the "
                f"columns that you want in {key}.",
            )
            break
    return {name: name for name in names}
