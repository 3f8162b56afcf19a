"""Results of single requests: what a run stores of every scorer, and what comparisons read."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec.errors import require

FILE = "scores.parquet"
KEYS = ("period", "user", "query")
FIRST = (*KEYS, "scorer", "weight")
ROWS = 200_000  # of a row group: groups of single small periods would make reading slow and the footer large


class Scores:
    """Stores the results of a run's requests; one period is in memory at a time.

    While the run goes on there is one file a period, `scores/period-00026.parquet`, written whole or not at all.
    `finish` makes one `scores.parquet` of them, sorted by period, scorer and the order of requests. Columns:
    `period` int32, `user`, `query` (only where given), `scorer`, `weight` float32, metrics float32, those of slices as
    `slice/<slice>/<metric>`. A column that only some periods or scorers have is NaN or null elsewhere.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.parts = self.folder / "scores"
        self._period: dict[str, list[pa.Table]] = {}

    def add(
        self,
        scorer: str,
        keys: dict[str, np.ndarray],
        values: dict[str, np.ndarray],
        weight: np.ndarray | None = None,
    ) -> None:
        """Takes a scorer's results for requests of the current period.

        Args:
            scorer: `eval` or `baseline/<name>`.
            keys: `user` (raw ids) and, for a log with queries, `query`, `[n]` each.
            values: metrics by name, `[n]` each, NaN where a request has none.
            weight: `[n]`, what each row counts in a mean; 1 unless given.

        Raises:
            ValueError: arrays of different lengths.
        """
        weight = np.ones(len(keys["user"])) if weight is None else weight
        columns = {name: _array(column) for name, column in keys.items()}
        columns |= {name: pa.array(np.asarray(column, np.float32)) for name, column in values.items()}
        columns["weight"] = pa.array(np.asarray(weight, np.float32))
        self._period.setdefault(scorer, []).append(pa.table(columns))

    def end_of_period(self, t: int) -> None:
        """Writes what was added as the results of period t, in place of a file of that period."""
        tables = []
        for scorer in sorted(self._period):
            for table in self._period[scorer]:
                table = table.append_column("period", pa.array(np.full(len(table), t, np.int32)))
                tables.append(table.append_column("scorer", pa.array([scorer] * len(table), pa.string())))
        self._period = {}
        if tables:
            schema = _unified(table.schema for table in tables)
            self._write_part(t, pa.concat_tables([_filled(table, schema) for table in tables]))

    def resume(self, last_period: int) -> None:
        """Goes on after `last_period`: what is stored of later periods is removed. -1 removes all.

        A finished run that is to go on is taken apart into periods again.
        """
        merged = self.folder / FILE
        if merged.exists():  # as long as it is there, it is complete: a kill in here does no harm
            self._split(pq.ParquetFile(merged))
            merged.unlink()
        for path in self.parts.glob("period-*"):
            if path.suffix == ".draft" or _number(path) > last_period:
                path.unlink()

    def finish(self) -> None:
        """Makes one file of the periods, and removes theirs; at most `ROWS` rows and a period are in memory."""
        parts = sorted(self.parts.glob("period-*.parquet"), key=_number)
        if not parts:
            return
        schema = _unified(map(pq.read_schema, parts))
        draft, pending = self.folder / (FILE + ".draft"), []
        with pq.ParquetWriter(draft, pa.schema(map(_as_dictionary, schema)), compression="zstd") as writer:
            for path in parts:
                pending.append(_filled(pq.read_table(path), schema))
                if path is parts[-1] or sum(map(len, pending)) >= ROWS:
                    table = pa.concat_tables(pending).cast(writer.schema)
                    writer.write_table(table, row_group_size=len(table))  # whole periods, see `_split`
                    pending = []
        os.replace(draft, self.folder / FILE)
        shutil.rmtree(self.parts)

    def _split(self, merged: pq.ParquetFile) -> None:
        for group in range(merged.num_row_groups):
            table = merged.read_row_group(group)
            period = table["period"].to_numpy()
            for t in np.unique(period):
                self._write_part(t, table.filter(pa.array(period == t)))

    def _write_part(self, t: int, table: pa.Table) -> None:
        self.parts.mkdir(parents=True, exist_ok=True)
        path = self.parts / f"period-{t:05d}.parquet"
        draft = path.with_name(path.name + ".draft")
        pq.write_table(table, draft, compression="zstd")
        os.replace(draft, path)


def read(folder: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """The results that a finished run stored, one row a (period, request, scorer); texts are categories.

    Args:
        folder: the run's folder.
        columns: metrics that are wanted beside keys, scorer and weight; all unless given.

    Raises:
        InputError: the run stored none.
    """
    path = _file(folder)
    if columns is not None:
        columns = [*(name for name in pq.read_schema(path).names if name in FIRST), *columns]
    return pd.read_parquet(path, columns=columns)


def columns(folder: Path) -> list[str]:
    """Names of the metrics that a run stored, in order.

    Raises:
        InputError: the run stored none.
    """
    schema = pq.read_schema(_file(folder))
    return [field.name for field in schema if field.name not in FIRST]


def _file(folder: Path) -> Path:
    path = Path(folder) / FILE
    require(
        path.is_file(),
        f"{folder} has no per-user results ({FILE} is not there), so it cannot be paired with other runs: "
        "make the run again, or leave it out.",
    )
    return path


def _number(path: Path) -> int:
    return int(path.name.removeprefix("period-").partition(".")[0])


def _array(column: np.ndarray) -> pa.Array:
    array = pa.array(column)
    return array.cast(pa.string()) if pa.types.is_large_string(array.type) else array


def _as_dictionary(field: pa.Field) -> pa.Field:
    return field.with_type(pa.dictionary(pa.int32(), pa.string())) if pa.types.is_string(field.type) else field


def _unified(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """One schema of all columns: keys, scorer, weight, then metrics, as they first appear."""
    # Without their metadata, and texts as texts: a file that was taken apart has categories.
    plain = (
        pa.schema([(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in s]) for s in schemas
    )
    fields = list(pa.unify_schemas(list(plain), promote_options="permissive"))
    place = {name: place for place, name in enumerate(FIRST)}
    return pa.schema(sorted(fields, key=lambda f: place.get(f.name, len(FIRST))))


def _filled(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with all columns of the schema."""
    columns = []
    for field in schema:
        if field.name in table.column_names:
            columns.append(table[field.name].cast(field.type))
        elif pa.types.is_floating(field.type):
            columns.append(pa.array(np.full(len(table), np.nan, np.float32)))
        else:
            columns.append(pa.nulls(len(table), field.type))
    return pa.table(columns, schema=schema)
