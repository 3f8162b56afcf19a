"""From the files of a log and its tables to one checked log in time order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tfrec.data.intake.convert import Conversion
from tfrec.data.intake.ids import KnownItems, alike, is_text
from tfrec.data.intake.opened import Files, Opened, opened
from tfrec.data.intake.parts import Parts, in_time_order, place, unified, write_parts
from tfrec.data.intake.repeats import Repeats
from tfrec.data.intake.sources import AT, Source, found
from tfrec.data.intake.tables import read_table, versions
from tfrec.data.log import EventLog
from tfrec.data.schema import EVENT_COLUMNS, REPEATED
from tfrec.data.violations import Violations
from tfrec.data.vocabulary import Vocabulary
from tfrec.errors import require


@dataclass(frozen=True)
class Intake:
    """What is to be read and how; `make` does it. Arguments as in `files.load`, where they are explained."""

    events: Files
    items: Files | None
    users: Files | None
    source: Source
    conversion: Conversion
    drop: bool
    report: int
    duplicates: str
    memory: str

    def paths(self) -> list[Path]:
        """Every file that is read."""
        asked = [files for files in (self.events, self.items, self.users) if files]
        return [path for files in asked for path in files.find(self.source.format)[0]]

    def make(self, folder: Path) -> list[str]:
        """Writes `events.parquet`, `items.parquet` and, if there are any, `changes` and `users` into `folder`.

        Returns:
            sentences to tell of it.

        Raises:
            InputError: as `files.load`.
        """
        wrong = Violations(self.report)
        log = opened(self.events, self.source, self.conversion, EVENT_COLUMNS)
        asked = {
            key: opened(files, self.source, self.conversion, (key,))
            for key, files in (("item", self.items), ("user", self.users))
            if files
        }
        _check_names(log, asked)
        tables = {key: read_table(table, key, wrong) for key, table in asked.items()}
        log = _as_in_tables(log, tables)
        # CSV knows no types: 7 is a number or text there, as the other side has it.
        free = {key: log.conversion.textual or textual for key, (_, textual) in tables.items()}
        items = tables["item"][0] if "item" in tables else None
        known = KnownItems(None if items is None else items["item"], free.get("item", True))
        working = folder / "parts"
        working.mkdir()
        parts = write_parts(log, known, wrong, working)
        told = [f"{parts.dropped} rows of {self.events.path} are left out", *wrong.lines()] if len(wrong) else []
        bad = len(wrong) > 0 and not self.drop
        repeats, seen = Repeats(), Vocabulary()
        if parts.rows and (not bad or self.duplicates == "raise"):
            unified(parts, log.conversion.textual)
            EventLog.write(folder / "events.parquet", self._ordered(parts, working, log, repeats, seen, wrong))
        if bad or (repeats.count and self.duplicates == "raise"):
            raise wrong.error("Mend the files, or leave such rows out (data.on_error=drop, data.duplicates=drop).")
        require(parts.rows > 0, f"{self.events.path} has no valid events: give a log with at least one row.")
        self._write_tables(folder, tables, free, seen)
        for path in working.iterdir():
            path.unlink()
        working.rmdir()
        if repeats.count:
            done = "left out" if self.duplicates == "drop" else "kept"
            told.append(f"{repeats.count} of {parts.rows} rows repeat an earlier row in all columns: they are {done}")
        return told

    def _ordered(
        self, parts: Parts, working: Path, log: Opened, repeats: Repeats, seen: Vocabulary, wrong: Violations
    ) -> Iterator[pa.Table]:
        """The log in time order; repeated rows are counted, and left out or named. Items go to `seen`."""
        for table in in_time_order(parts, working, self.memory):
            rows = table.drop_columns(AT).to_pandas()
            again = repeats.mask(rows)
            if self.duplicates == "raise" and again.any():
                files, lines = place(table[AT].to_numpy()[again])
                for file in np.unique(files):
                    named = found([(int(line), "", REPEATED, None) for line in lines[files == file]])
                    wrong.add(named, str(log.paths[file]), log.unit)
            if self.duplicates == "drop" and again.any():
                table = table.filter(pa.array(~again))
            seen.add(rows["item"].unique())
            yield table.drop_columns(AT)

    def _write_tables(self, folder: Path, tables: dict, free: dict[str, bool], seen: Vocabulary) -> None:
        log = EventLog(folder / "events.parquet")
        first = log.rows(0, 1)
        if "item" in tables:
            items, changes = versions(tables["item"][0], first["timestamp"].iloc[0])
            items.index = alike(items.index, first["item"], free["item"], "item").rename("item")
            if len(changes):
                changes["item"] = alike(pd.Index(changes["item"]), first["item"], free["item"], "item")
                changes.to_parquet(folder / "changes.parquet")
        else:
            items = pd.DataFrame({"text": ""}, index=pd.Index(seen.ids, name="item").sort_values())
        items.to_parquet(folder / "items.parquet")
        if "user" in tables:
            users = tables["user"][0].set_index("user")
            users.index = alike(users.index, first["user"], free["user"], "user").rename("user")
            users.to_parquet(folder / "users.parquet")


def _check_names(log: Opened, tables: dict[str, Opened]) -> None:
    """Raises InputError for a column of the log that tfrec writes itself, and for a type of no column."""
    names = log.source.columns.values()
    require(
        "period" not in names,
        f"{log.paths[0]} has a column 'period', which tfrec uses itself: rename it (in data.columns).",
    )
    there = sorted({name for files in (log, *tables.values()) for name in files.source.columns.values()})
    for name in log.conversion.types:
        require(name in there, f"data.types.{name} is of no column (there are {', '.join(there)}): mend data.types.")


def _as_in_tables(log: Opened, tables: dict) -> Opened:
    """The log with ids read as text where its own files do not say and a table has text."""
    if not log.conversion.textual:
        return log
    text = {key: "text" for key, (rows, _) in tables.items() if is_text(rows[key])}
    return replace(log, conversion=replace(log.conversion, types=log.conversion.types | text))
