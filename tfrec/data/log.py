"""An event log on disk, in time order, of which only a few row groups are in memory."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec.errors import InputError

# Rows of a row group, the unit that is read: 262,144 rows of six numbers are 12 MB.
ROW_GROUP = 262_144
# Row groups kept: a period that begins in one and ends in the next is read once, and so is the one after it.
KEPT = 2


class EventLog:
    """Events in time order in one Parquet file; row i of the log is row i of the file.

    Memory is at most `KEPT` row groups and what a caller asked for, however long the log is.

    Args:
        path: a file that `EventLog.write` made.

    Raises:
        InputError: the file is not there, or is no such file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            self._file = pq.ParquetFile(self.path)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path} cannot be read as an event log: {error}") from error
        metadata = self._file.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        if max(sizes, default=0) > ROW_GROUP:
            raise InputError(f"{path} has a row group of {max(sizes)} rows: write it with EventLog.write.")
        self._edges = [0]
        for size in sizes:
            self._edges.append(self._edges[-1] + size)
        self._groups: OrderedDict[int, pd.DataFrame] = OrderedDict()

    @staticmethod
    def write(path: Path | str, pieces: Iterable[pd.DataFrame | pa.Table]) -> "EventLog":
        """Writes pieces of a log, which come in time order and are of any size, and opens the result.

        The file appears under its name only when it is whole.

        Raises:
            InputError: an event is before the one in front of it, or there are none.
        """
        draft, writer, newest = Path(path).with_name(f"{Path(path).name}.draft"), None, None
        try:
            for table in _row_groups(map(_table, pieces)):
                newest = _require_order(table, newest, path)
                writer = writer or pq.ParquetWriter(draft, table.schema, compression="lz4")
                writer.write_table(table, row_group_size=ROW_GROUP)
            if writer is None:
                raise InputError(f"There are no events to write to {path}: give at least one.")
            writer.close()
            draft.replace(path)
        except BaseException:
            if writer:
                writer.close()
            draft.unlink(missing_ok=True)
            raise
        return EventLog(path)

    def __len__(self) -> int:
        return self._edges[-1]

    @property
    def columns(self) -> list[str]:
        """Names of the columns, `user`, `item` and `timestamp` among them."""
        return list(self._file.schema_arrow.names)

    def rows(self, start: int, stop: int) -> pd.DataFrame:
        """Rows from `start` up to, but without, `stop`; the index holds their numbers."""
        start, stop = max(start, 0), min(stop, len(self))
        if start >= stop:
            return self._group(0)[:0] if len(self) else self._file.schema_arrow.empty_table().to_pandas()
        parts = []
        for group in range(bisect_right(self._edges, start) - 1, bisect_left(self._edges, stop)):
            first = self._edges[group]
            parts.append(self._group(group).iloc[max(start - first, 0) : stop - first])
        result = parts[0] if len(parts) == 1 else pd.concat(parts)
        return result.set_axis(pd.RangeIndex(start, stop), axis=0)

    def pieces(self, size: int) -> Iterator[pd.DataFrame]:
        """The whole log, `size` rows at a time; the last piece may be shorter."""
        for start in range(0, len(self), size):
            yield self.rows(start, start + size)

    def _group(self, group: int) -> pd.DataFrame:
        if group not in self._groups:
            while len(self._groups) >= KEPT:
                self._groups.popitem(last=False)
            # Arrow's memory is freed as it is converted, so that a row group is not held twice.
            self._groups[group] = self._file.read_row_group(group).to_pandas(split_blocks=True, self_destruct=True)
        self._groups.move_to_end(group)
        return self._groups[group]


def _table(piece: pd.DataFrame | pa.Table) -> pa.Table:
    return piece if isinstance(piece, pa.Table) else pa.Table.from_pandas(piece, preserve_index=False)


def _require_order(table: pa.Table, newest: pd.Timestamp | None, path: Path | str) -> pd.Timestamp:
    times = table["timestamp"].to_pandas()
    if not times.is_monotonic_increasing or (newest is not None and times.iloc[0] < newest):
        raise InputError(f"The events for {path} are not in time order: sort them by timestamp.")
    return times.iloc[-1]


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of `ROW_GROUP` rows; the last may be shorter."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += len(table)
        if rows >= ROW_GROUP:
            joined = pa.concat_tables(waiting)
            whole = rows - rows % ROW_GROUP
            yield from (joined[start : start + ROW_GROUP] for start in range(0, whole, ROW_GROUP))
            waiting, rows = [joined[whole:]], rows - whole
    if rows:
        yield pa.concat_tables(waiting)
