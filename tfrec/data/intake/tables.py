"""Item and users tables from files; both are held in memory."""

import numpy as np
import pandas as pd

from tfrec.data.intake.opened import Opened
from tfrec.data.intake.parts import at, checked, place
from tfrec.data.intake.sources import Piece
from tfrec.data.schema import is_text, table_schema, version_schema
from tfrec.data.violations import Violations
from tfrec.errors import require


def read_table(table: Opened, key: str, wrong: Violations) -> tuple[pd.DataFrame, bool]:
    """All valid rows of a table, in the order of the files; what is wrong with the others is added to `wrong`.

    Args:
        key: `item` or `user`; without a column `timestamp` each id may be there once.

    Returns:
        rows, and whether the files know only text.
    """
    pieces = list(table.pieces())
    require(len(pieces) > 0, f"{table.paths[0]} has no rows: give a table with at least one.")
    lines = np.concatenate([at(file, piece.lines) for file, _, piece in pieces])
    unread = pd.concat([piece.wrong.assign(row=at(file, piece.wrong["row"])) for file, _, piece in pieces])
    whole = Piece(pd.concat([piece.rows for *_, piece in pieces], ignore_index=True), lines, unread)
    rows, errors = checked(whole, table.conversion, lambda rows: _schema(rows, key), str(table.paths[0]))
    number, errors["row"] = place(errors["row"].to_numpy(dtype=np.int64))
    for file in np.unique(number):
        wrong.add(errors[number == file], str(table.paths[file]), table.unit)
    rows = rows[~np.isin(lines, at(number, errors["row"]))].reset_index(drop=True)
    if key == "item":
        rows = _with_text(rows, table)
    return rows, table.conversion.textual


def _with_text(rows: pd.DataFrame, table: Opened) -> pd.DataFrame:
    """The item table with a column `text`: values joined by spaces where they are not empty."""
    if table.text is None:
        require(
            "text" in rows,
            f"{table.paths[0]} has no column 'text' (it has {', '.join(rows)}): name those that describe an item, "
            "for example data.text=[title,brand].",
        )
        return rows
    parts = rows[table.text].astype("str").fillna("")
    joined = parts[table.text[0]]
    for name in table.text[1:]:
        joined = joined.str.cat(parts[name], sep=" ").str.strip()
    keep = table.keep if table.keep is not None else [name for name in rows.columns if name not in table.text]
    return rows[keep].assign(text=joined)


def versions(table: pd.DataFrame, first: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is known of items before the first event, and what changes later.

    Empty texts and missing numbers of a version say that nothing changed.

    Args:
        table: `item` and other columns, with `timestamp` several rows an item.

    Returns:
        items, indexed by id in order of first appearance, and changes in time order.
    """
    if "timestamp" not in table:
        return table.set_index("item"), table[:0]
    ids = table["item"].unique()
    table = table.sort_values("timestamp", kind="stable")
    columns = table.columns.drop(["item", "timestamp"])
    texts = [name for name in columns if is_text(table[name])]
    table = table.assign(**{name: table[name].where(table[name] != "") for name in texts})
    early = table["timestamp"] <= first
    items = table[early].groupby("item", sort=False)[list(columns)].last().reindex(ids)
    items = items.assign(**{name: items[name].astype("str").fillna("") for name in texts}).rename_axis("item")
    return items, table[~early].reset_index(drop=True)


def _schema(rows: pd.DataFrame, key: str):
    if key == "item" and "timestamp" in rows:
        return version_schema(rows, None)
    return table_schema(rows, key)
