"""Everything that is wrong in a file is named with file, line and column, all at once."""

import json
import logging

import numpy as np
import pandas as pd
import pytest

from tfrec.data import files
from tfrec.errors import InputError

START = pd.Timestamp("2024-01-01")
FORMATS = ["parquet", "csv", "jsonl"]
# Six good rows; a test breaks the fourth. In a CSV the header is line 1, so the fourth row is line 5.
PLACE = {"parquet": "row 4", "csv": "line 5", "jsonl": "line 4"}
GOOD = {"user": 1, "item": 2, "timestamp": "2024-01-01T10:00:00"}


def load(path, tmp_path, **options):
    return files.load(str(path), folder=str(tmp_path / "kept"), **options)


def write(tmp_path, format, good, bad=None):
    """Six rows in a file, the fourth of them with other values."""
    rows = [dict(good) for _ in range(6)]
    rows[3] |= bad or {}
    path = tmp_path / f"events.{format}"
    if format == "parquet":
        table = pd.DataFrame(rows)
        for name in ("timestamp", "known"):
            if name in table:
                table[name] = pd.to_datetime(table[name], format="ISO8601")
        table.to_parquet(path)
    elif format == "csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "column, good, bad, message",
    [
        ("user", "u", None, "column 'user' is missing"),
        ("item", 5, None, "column 'item' is missing"),
        ("timestamp", GOOD["timestamp"], None, "column 'timestamp' is missing"),
        ("timestamp", GOOD["timestamp"], "1970-01-20T16:00:00", "column 'timestamp' .1970-.* is before 1980 or after"),
        ("timestamp", GOOD["timestamp"], "2100-01-01T00:00:00", "column 'timestamp' .2100-.* is before 1980 or after"),
        (
            "known",
            "2024-01-02T00:00:00",
            "2024-01-01T09:59:59",
            "column 'known' .2024-01-01 09:59:59. is before the ev",
        ),
        ("known", "2024-01-02T00:00:00", None, "column 'known' is missing"),
        ("click", 1, 2, "column 'click' .2.*. is neither 0 nor 1"),
        ("purchase", 0.0, 0.5, "column 'purchase' .0.5. is neither 0 nor 1"),
        ("rating", 4.5, None, "column 'rating' is missing"),
        ("spend", 1.0, -0.5, "column 'spend' .-0.5. is negative"),
        ("quantity", 2, -1, "column 'quantity' .-1.*. is negative"),
        ("position", 1, 0, "column 'position' .0.*. is not a whole number from 1 on"),
        ("position", 1.0, 1.5, "column 'position' .1.5. is not a whole number from 1 on"),
        ("propensity", 0.5, 0.0, "column 'propensity' .0.0. is not above 0 and at most 1"),
        ("propensity", 0.5, 1.01, "column 'propensity' .1.01. is not above 0 and at most 1"),
        ("slate", "s", None, "column 'slate' is missing"),
    ],
)
def test_a_bad_value_is_named(tmp_path, format, column, good, bad, message):
    path = write(tmp_path, format, {**GOOD, column: good}, {column: bad})
    with pytest.raises(InputError, match=rf"events.{format}, {PLACE[format]}, {message}.* \(1 such rows\): ") as error:
        load(path, tmp_path, buffer_rows=2)
    assert str(error.value).count("\n") == 1  # that and what to do
    assert len(load(path, tmp_path, buffer_rows=2, on_error="drop").events) == 5


@pytest.mark.parametrize("value, kind", [("inf", "infinite"), ("-inf", "infinite"), ("nan", "missing")])
@pytest.mark.parametrize("column", ["spend", "price"])
@pytest.mark.parametrize("format", ["parquet", "csv"])  # JSON has no such numbers
def test_numbers_that_are_not_finite_are_named(tmp_path, value, kind, column, format):
    path = write(tmp_path, format, {**GOOD, column: 1.0}, {column: float(value)})
    with pytest.raises(InputError, match=f"{PLACE[format]}, column '{column}'.* is {kind} .1 such rows"):
        load(path, tmp_path, types={column: "number"} if column == "price" else None)


@pytest.mark.parametrize(
    "column, good, bad, message",
    [
        ("spend", 1.0, "a lot", r"column 'spend' \(a lot\) is not a number"),
        ("price", 1.0, "1,5", r"column 'price' \(1,5\) is not a number"),
        ("timestamp", GOOD["timestamp"], "yesterday", r"column 'timestamp' \(yesterday\) is not a date and time"),
        ("timestamp", GOOD["timestamp"], "2024-02-30", r"column 'timestamp' \(2024-02-30\) is not a date and time"),
        ("timestamp", GOOD["timestamp"], "1704103200", r"column 'timestamp' .* is not a date .*data.timestamp_unit"),
    ],
)
def test_text_that_is_no_number_or_time_is_named(tmp_path, column, good, bad, message):
    path = write(tmp_path, "csv", {**GOOD, column: good}, {column: bad})
    with pytest.raises(InputError, match=f"line 5, {message}"):
        load(path, tmp_path, types={column: "number"} if column == "price" else None)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("unit, hour", [("s", 3600), ("ms", 3_600_000)])
def test_a_wrong_unit_is_suspected(tmp_path, format, unit, hour):
    """2024 in seconds, read as milliseconds, is January 1970; in milliseconds, read as seconds, the year 55,967."""
    path = write(tmp_path, "csv", {**GOOD, "timestamp": 473_000 * hour})
    if format == "parquet":
        pd.read_csv(path).to_parquet(path.with_suffix(".parquet"))
    elif format == "jsonl":
        pd.read_csv(path).to_json(path.with_suffix(".jsonl"), orient="records", lines=True)
    path = path.with_suffix(f".{format}")
    wrong = {"s": "ms", "ms": "s"}[unit]
    with pytest.raises(
        InputError, match=r"before 1980 or after 2100 \(6 such rows\): .* unit .* set data.timestamp_unit"
    ):
        load(path, tmp_path, timestamp_unit=wrong)
    assert len(load(path, tmp_path, timestamp_unit=unit).events) == 6


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_numbers_without_a_unit_are_no_times(tmp_path, format):
    path = tmp_path / f"events.{format}"
    table = pd.DataFrame([{**GOOD, "timestamp": 1_704_103_200}])
    table.to_parquet(path) if format == "parquet" else table.to_json(path, orient="records", lines=True)
    with pytest.raises(InputError, match="column 'timestamp' holds numbers: set data.timestamp_unit"):
        load(path, tmp_path)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "time, kind",
    [("2024-03-31T02:30:00", "never happens, as the clocks go forward"), ("2024-10-27T02:30:00", "happens twice")],
)
def test_local_times_that_the_clock_skips_or_repeats_are_named(tmp_path, format, time, kind):
    """In Berlin 2024 the clocks went forward on 31 March and back on 27 October, both between 2 and 3 o'clock."""
    path = write(tmp_path, format, GOOD, {"timestamp": time})
    with pytest.raises(InputError, match=rf"{PLACE[format]}, column 'timestamp' \(.*\) {kind}.* \(1 such rows\)"):
        load(path, tmp_path, timezone="Europe/Berlin")
    assert len(load(path, tmp_path).events) == 6  # not so in UTC


@pytest.mark.parametrize("buffer", [1, 3, 100])
def test_lines_of_a_csv_that_are_no_rows_are_named(tmp_path, buffer):
    """Lines 3 and 4 are one row, 5 is empty; the others that are named are wrong."""
    text = (
        "user,item,timestamp,query\n"
        "1,2,2024-01-01,tea\n"
        '1,2,2024-01-01,"green\ntea"\n'
        "\n"
        "1,2,2024-01-01\n"
        "1,2,2024-01-01,tea,milk\n"
        '1,2,2024-01-01,"tea" and milk\n'
        '1,2,2024-01-01,5" pot\n'
        '1,2,2024-01-01,"never closed\n'
        "1,2,2024-01-02,last\n"
    )
    (tmp_path / "events.csv").write_text(text)
    with pytest.raises(InputError) as error:
        load(tmp_path / "events.csv", tmp_path, buffer_rows=buffer)
    message = str(error.value)
    fields = "has another number of fields than the header"
    assert f"events.csv, line 6 (3 fields, 4 in the header) {fields} (2 such rows): mend the line" in message
    assert f"  {tmp_path}/events.csv, line 7 (5 fields, 4 in the header) {fields}\n" in message
    assert "events.csv, line 8 has a quote that is not closed, or text behind a closed one (2 such rows)" in message
    assert f"  {tmp_path}/events.csv, line 10 has a quote" in message
    result = load(tmp_path / "events.csv", tmp_path, buffer_rows=buffer, on_error="drop").events
    assert result.rows(0, 9)["query"].tolist() == ["tea", "green\ntea", '5" pot', "last"]


@pytest.mark.parametrize("buffer", [1, 3, 100])
def test_lines_that_are_no_json_objects_are_named(tmp_path, buffer):
    lines = [json.dumps(GOOD), '{"user": 1, "it', "", "[1, 2]", json.dumps(GOOD | {"user": "x"}), json.dumps(GOOD)]
    lines += [json.dumps(GOOD | {"item": [1]}), json.dumps(GOOD | {"item": 1 << 70})]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError) as error:
        load(tmp_path / "events.jsonl", tmp_path, buffer_rows=buffer)
    message = str(error.value)
    assert 'events.jsonl, line 2 ({"user": 1, "it) is not a JSON object (2 such rows): mend the line' in message
    assert f"  {tmp_path}/events.jsonl, line 4 ([1, 2]) is not a JSON object" in message
    assert "line 5, column 'user' (\"x\") is of another type than the rows before it (1 such rows)" in message
    assert "line 7, column 'item' ([1]) is of another type than the rows before it (2 such rows)" in message
    assert "line 8, column 'item' (1180591620717411303424) is of another type" in message
    assert len(load(tmp_path / "events.jsonl", tmp_path, buffer_rows=buffer, on_error="drop").events) == 2


@pytest.mark.parametrize("buffer", [1, 2, 100])
@pytest.mark.parametrize("format", FORMATS)
def test_text_that_is_not_valid_in_the_encoding_is_named(tmp_path, format, buffer):
    """The third query is written in Latin-1, as when two programs wrote into one file."""
    path, bad = tmp_path / f"events.{format}", "caf\u00e9".encode("latin-1")
    if format == "parquet":
        pd.DataFrame({**GOOD, "timestamp": START, "query": [b"tea", b"tea", bad, b"tea"]}).to_parquet(path)
        place = "row 3, column 'query'"
    elif format == "csv":
        row = b"1,2,2024-01-01,"
        path.write_bytes(
            b"user,item,timestamp,query\n" + row + b"tea\n" + row + b"tea\n" + row + bad + b"\n" + row + b"tea\n"
        )
        place = "line 4, column 'query'"
    else:
        rows = [json.dumps(GOOD | {"query": "tea"}).encode() for _ in range(4)]
        rows[2] = rows[2].replace(b"tea", bad)
        path.write_bytes(b"\n".join(rows) + b"\n")
        place = "line 3"
    with pytest.raises(InputError, match=rf"events.{format}, {place} \(.*\\xe9\) is not valid in the encoding"):
        load(path, tmp_path, buffer_rows=buffer)
    assert len(load(path, tmp_path, buffer_rows=buffer, on_error="drop").events) == 3


def test_a_header_that_is_not_valid_in_the_encoding_is_named(tmp_path):
    (tmp_path / "events.csv").write_bytes("user,item,timestamp,\u00e9\n".encode("latin-1"))
    with pytest.raises(InputError, match="events.csv, line 1 is not valid utf-8: set data.encoding"):
        load(tmp_path / "events.csv", tmp_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("columns", [None, {name: name for name in GOOD}])
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_utf_16_is_to_be_converted(tmp_path, format, columns, encoding):
    """What is advised works; `data.encoding` does not, and is not advised."""
    path = write(tmp_path, format, GOOD)
    text = path.read_text()
    path.write_text(text, encoding=encoding)
    with pytest.raises(InputError, match=f"events.{format} is not UTF-8 .*: convert it to UTF-8.$"):
        load(path, tmp_path, columns=columns)
    with pytest.raises(InputError, match="data.encoding .*: convert the files to UTF-8.$"):
        load(path, tmp_path, columns=columns, encoding=encoding)
    path.write_text(text, encoding="utf-8-sig")
    assert len(load(path, tmp_path, columns=columns).events) == 6


@pytest.mark.parametrize("header", ["user,item,timestamp", '"user","item","timestamp"'])
def test_a_csv_whose_lines_end_with_cr_is_refused(tmp_path, header):
    """Cut at LF, all of it would be the header."""
    (tmp_path / "events.csv").write_bytes(f"{header}\r1,2,2024-01-01\r".encode())
    with pytest.raises(InputError, match="events.csv ends its lines with CR alone: write LF or CR LF"):
        load(tmp_path / "events.csv", tmp_path)


@pytest.mark.parametrize("columns", [None, {name: name for name in GOOD}])
@pytest.mark.parametrize("format", FORMATS)
def test_a_file_without_rows_is_refused_as_such(tmp_path, format, columns):
    """A CSV of a header, an empty JSON Lines file, a Parquet file of columns."""
    path = write(tmp_path, format, GOOD)
    if format == "parquet":
        pd.read_parquet(path)[:0].to_parquet(path)
    else:
        path.write_text("user,item,timestamp\n" if format == "csv" else "")
    problem = "has no rows: give a file" if columns is None else "has no valid events: give a log"
    with pytest.raises(InputError, match=f"events.{format} {problem} with at least one"):
        load(path, tmp_path, columns=columns)


def test_a_type_of_a_column_that_is_not_there_is_refused(tmp_path):
    """Columns of the log and of the tables have types, under tfrec's names."""
    events = write(tmp_path, "csv", GOOD | {"store": 1.5})
    (tmp_path / "items.csv").write_text("sku,title,price\n2,tea,3.5\n")
    options = {"items": str(tmp_path / "items.csv"), "item_columns": {"sku": "item", "price": "cost"}, "text": "title"}
    there = r"\(there are cost, item, store, timestamp, title, user\)"
    for wrong in ("stoer", "price"):  # price is called cost
        with pytest.raises(InputError, match=f"data.types.{wrong} is of no column {there}: mend data.types"):
            load(events, tmp_path, types={"store": "number", wrong: "number"}, **options)
    loaded = load(events, tmp_path, types={"store": "number", "cost": "number"}, **options)
    assert loaded.events.rows(0, 1)["store"].tolist() == [1.5] and loaded.items["cost"].tolist() == [3.5]


@pytest.mark.parametrize("name", ["period", "_at"])
def test_columns_that_tfrec_writes_itself_are_reserved(tmp_path, name):
    path, columns = write(tmp_path, "csv", GOOD | {name: 1}), {key: key for key in GOOD}
    for given in (None, columns | {name: name}):
        with pytest.raises(InputError, match=f"has a column '{name}', which tfrec uses itself: rename it"):
            load(path, tmp_path, columns=given)
    assert load(path, tmp_path, columns=columns | {name: "other"}).events.columns == [*GOOD, "other"]


@pytest.mark.parametrize("format", FORMATS)
def test_columns_that_only_a_later_file_has_are_named(tmp_path, format):
    folder = tmp_path / "events"
    folder.mkdir()
    known = {"known": "2024-01-02T00:00:00"}
    for name, row in (("a", GOOD), ("b", GOOD), ("c", GOOD | known | {"click": 1})):
        write(tmp_path, format, row).rename(folder / f"{name}.{format}")
    with pytest.raises(
        InputError,
        match=rf"c.{format} has columns that .*a.{format} does not have \(known, click\): .* want in data.columns",
    ):
        load(folder, tmp_path)
    assert load(folder, tmp_path, columns={name: name for name in GOOD}).events.columns == list(GOOD)
    write(tmp_path, format, GOOD | known | {"click": 1}).rename(folder / f"a.{format}")
    (folder / f"b.{format}").unlink()
    assert load(folder, tmp_path).events.columns == [*GOOD, "known", "click"]


@pytest.mark.parametrize("format", FORMATS)
def test_all_violations_are_counted_and_the_first_are_named(tmp_path, format):
    """Three files of 30 rows; rows 10 to 29 of each have a negative spend: 60 in all, of which 7 are named."""
    folder = tmp_path / "events"
    folder.mkdir()
    table = pd.DataFrame([{**GOOD, "spend": 1.0 if n < 10 else -1.0, "click": 0 if n else 3} for n in range(30)])
    table["timestamp"] = START
    for name in "abc":
        path = folder / f"{name}.{format}"
        if format == "parquet":
            table.to_parquet(path)
        elif format == "csv":
            table.to_csv(path, index=False)
        else:
            path.write_text(
                "".join(json.dumps({**row, "timestamp": "2024-01-01"}) + "\n" for row in table.to_dict("records"))
            )
    with pytest.raises(InputError) as error:
        load(folder, tmp_path, report=7, buffer_rows=11)
    lines = str(error.value).splitlines()
    first = {"parquet": ("row 1", "row 11"), "csv": ("line 2", "line 12"), "jsonl": ("line 1", "line 11")}[format]
    assert lines[0].startswith(f"{folder}/a.{format}, {first[0]}, column 'click' (3")
    assert "(3 such rows)" in lines[0]
    assert lines[1].startswith(f"{folder}/a.{format}, {first[1]}, column 'spend' (-1.0) is negative (60 such rows): ")
    assert lines[2] == "Row by row (the first 7 of 63):"
    assert len([line for line in lines if line.startswith("  ")]) == 7
    assert lines[-1] == "Mend the files, or leave such rows out (data.on_error=drop, data.duplicates=drop)."


def test_rows_that_are_left_out_are_counted_by_kind_each_time(tmp_path, caplog):
    """Of six rows the second has two faults and the fifth one: four are left."""
    caplog.set_level(logging.INFO)
    table = pd.DataFrame([GOOD | {"spend": 1.0, "click": 1}] * 6)
    table.loc[1, ["spend", "click"]] = [-1.0, 5]
    table.loc[4, "spend"] = -2.0
    table["timestamp"] = pd.date_range(START, periods=6)
    table.to_csv(tmp_path / "events.csv", index=False)
    for _ in range(2):
        caplog.clear()
        result = load(tmp_path / "events.csv", tmp_path, on_error="drop").events
        assert result.rows(0, 9)["timestamp"].dt.day.tolist() == [1, 3, 4, 6]
        assert f"2 rows of {tmp_path}/events.csv are left out" in caplog.text
        assert "line 3, column 'spend' (-1.0) is negative (2 such rows)" in caplog.text
        assert "line 3, column 'click' (5.0) is neither 0 nor 1 (1 such rows)" in caplog.text


def test_a_log_of_which_nothing_is_left_is_refused(tmp_path):
    path = write(tmp_path, "csv", {**GOOD, "spend": -1})
    with pytest.raises(InputError, match="events.csv has no valid events: give a log with at least one row"):
        load(path, tmp_path, on_error="drop")
    assert not [place for place in (tmp_path / "kept").iterdir() if place.is_dir()]


def test_files_that_disagree_about_a_type_are_named(tmp_path):
    folder = tmp_path / "events"
    folder.mkdir()
    for name, user in (("a", 1), ("b", "x")):
        pd.DataFrame([{**GOOD, "user": user, "timestamp": START}]).to_parquet(folder / f"{name}.parquet")
    with pytest.raises(InputError, match="The event files disagree about a column: .*user"):
        load(folder, tmp_path)
    pd.DataFrame([{"user": 1, "timestamp": START}]).to_parquet(folder / "b.parquet")
    with pytest.raises(InputError, match="b.parquet has no column 'item' for 'item'"):
        load(folder, tmp_path)


@pytest.mark.parametrize("values, message", [([[1], [2]], "neither numbers nor text"), ([1.5, 2.0], "neither a whole")])
def test_ids_of_another_type_are_named(tmp_path, values, message):
    pd.DataFrame({"user": 1, "item": values, "timestamp": START}).to_parquet(tmp_path / "events.parquet")
    message = message if "whole" in message else "column 'item' holds neither whole numbers nor text: mend data.columns"
    with pytest.raises(InputError, match=message):
        load(tmp_path / "events.parquet", tmp_path)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("buffer", [3, 100])
def test_repeated_rows_are_found_across_pieces_and_files(tmp_path, format, buffer, caplog):
    """pandas finds the same, over all rows at once."""
    caplog.set_level(logging.INFO)
    rng = np.random.default_rng(0)
    events = pd.DataFrame(rng.integers(0, 3, (40, 3)), columns=["user", "item", "day"])
    events["timestamp"] = START + pd.to_timedelta(events.pop("day"), "D")
    folder = tmp_path / "events"
    folder.mkdir()
    for name, part in (("a", events[:13]), ("b", events[13:])):
        path = folder / f"{name}.{format}"
        if format == "parquet":
            part.to_parquet(path)
        elif format == "csv":
            part.to_csv(path, index=False)
        else:
            part.assign(timestamp=part["timestamp"].astype(str)).to_json(path, orient="records", lines=True)
    repeated = events.duplicated()
    assert len(load(folder, tmp_path, buffer_rows=buffer).events) == 40
    assert f"{repeated.sum()} of 40 rows repeat an earlier row in all columns: they are kept" in caplog.text
    left = load(folder, tmp_path, buffer_rows=buffer, duplicates="drop").events
    expected = events[~repeated].sort_values("timestamp", kind="stable", ignore_index=True)
    pd.testing.assert_frame_equal(left.rows(0, 40), expected.assign(timestamp=expected["timestamp"].astype("M8[ns]")))
    with pytest.raises(InputError) as error:
        load(folder, tmp_path, buffer_rows=buffer, duplicates="raise", report=100)
    header = 2 if format == "csv" else 1
    unit = "row" if format == "parquet" else "line"
    for row in np.flatnonzero(repeated):
        name, line = ("a", row + header) if row < 13 else ("b", row - 13 + header)
        assert f"{name}.{format}, {unit} {line} repeats an earlier row in all columns" in str(error.value)


@pytest.mark.parametrize("buffer", [1, 100])
@pytest.mark.parametrize("values, expected", [([None, "x"], ["", "x"]), ([None, None], ["", ""])])
def test_a_text_that_json_leaves_out_is_empty(tmp_path, buffer, values, expected):
    lines = [json.dumps(GOOD | {"store": value}) for value in values]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    rows = load(tmp_path / "events.jsonl", tmp_path, buffer_rows=buffer).events.rows(0, 9)
    assert rows["store"].tolist() == expected


def test_a_number_that_json_leaves_out_is_missing(tmp_path):
    """Line 1 alone does not tell that a store is a number; data.types does."""
    lines = [json.dumps(GOOD | {"store": value}) for value in (None, 4.5)]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError, match="Column 'store' is missing in many rows, .* set data.types.store=number"):
        load(tmp_path / "events.jsonl", tmp_path, buffer_rows=1)
    for buffer in (1, 100):
        with pytest.raises(InputError, match=r"line 1, column 'store' is missing \(1 such rows\)"):
            load(tmp_path / "events.jsonl", tmp_path, buffer_rows=buffer, types={"store": "number"})
