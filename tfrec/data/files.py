"""A user's own event log from Parquet, CSV or JSON Lines files, of any length; `docs/data.md` shows how."""

import re
from pathlib import Path

from tfrec.data.intake import times
from tfrec.data.intake.convert import KINDS, Conversion
from tfrec.data.intake.kept import kept
from tfrec.data.intake.opened import Files
from tfrec.data.intake.sources import Source
from tfrec.data.intake.whole import Intake
from tfrec.data.interactions import Interactions
from tfrec.errors import InputError, require
from tfrec.folders import cache_folder


def load(
    events: str,
    items: str | None = None,
    users: str | None = None,
    columns: dict[str, str] | None = None,
    item_columns: dict[str, str] | None = None,
    user_columns: dict[str, str] | None = None,
    text: list[str] | str | None = None,
    types: dict[str, str] | None = None,
    format: str | None = None,
    delimiter: str = ",",
    encoding: str = "utf-8",
    timestamp_unit: str | None = None,
    timestamp_format: str | None = None,
    timezone: str = "UTC",
    on_error: str = "raise",
    report: int = 20,
    duplicates: str = "keep",
    buffer_rows: int = 1_000_000,
    memory: str = "1GB",
    folder: str | None = None,
) -> Interactions:
    """Reads, checks and sorts a log in pieces of `buffer_rows`, and keeps the result for the next run.

    Memory is bounded by a few pieces and `memory` (for sorting), not by the log; the item and users tables and the
    events of one time must fit. The arguments are those of `conf/data/files.yaml`.

    Raises:
        InputError: an option or file is not usable, or (with `on_error=raise`) rows are not valid: all kinds with
            counts, and the first `report` rows with file, line and column.
    """
    require(on_error in ("raise", "drop"), f"data.on_error is '{on_error}': choose raise or drop.")
    require(duplicates in ("keep", "drop", "raise"), f"data.duplicates is '{duplicates}': choose keep, drop or raise.")
    require(isinstance(buffer_rows, int) and buffer_rows > 0, f"data.buffer_rows is {buffer_rows}: choose 1 or more.")
    require(isinstance(report, int) and report > 0, f"data.report is {report}: choose 1 or more.")
    require(
        re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", str(memory)) is not None,
        f"data.memory is '{memory}': write for example 500MB or 2GB.",
    )
    for column, kind in (types or {}).items():
        require(kind in KINDS, f"data.types.{column} is '{kind}': choose {' or '.join(KINDS)}.")
    times.check(timestamp_unit, timestamp_format, timezone)
    _check_encoding(encoding)
    texts = [text] if isinstance(text, str) else text
    intake = Intake(
        events=Files(events, "data.events", columns, "data.columns"),
        items=Files(items, "data.items", item_columns, "data.item_columns", texts) if items else None,
        users=Files(users, "data.users", user_columns, "data.user_columns") if users else None,
        source=Source(format or "", None, encoding, buffer_rows, delimiter),
        conversion=Conversion(False, timestamp_unit, timestamp_format, timezone, types or {}),
        drop=on_error == "drop",
        report=report,
        duplicates=duplicates,
        memory=memory,
    )
    options = {
        "columns": [columns, item_columns, user_columns, text, types],
        "reading": [format, delimiter, encoding, timestamp_unit, timestamp_format, timezone],
        "rows": [on_error, duplicates],
        "tables": [items, users],
    }
    place = Path(folder) if folder else cache_folder() / "logs"
    return kept(place, intake.paths(), options, intake.make)


def _check_encoding(encoding: str) -> None:
    try:
        same = "\n,".encode(encoding) == b"\n,"
    except LookupError as error:
        raise InputError(f"data.encoding is '{encoding}', which is not known: write for example utf-8.") from error
    require(same, f"data.encoding {encoding} does not write a line's end as one byte: convert the files to UTF-8.")
