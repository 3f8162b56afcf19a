"""A user's own files become one log: whatever their format, their number, and the size of the pieces."""

import gzip
import json
import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfrec.data import files
from tfrec.data.intake.sources import Source
from tfrec.data.log import EventLog
from tfrec.errors import InputError

START = pd.Timestamp("2024-01-01")
SUFFIX = {"parquet": "parquet", "csv": "csv", "jsonl": "jsonl"}
FORMATS = list(SUFFIX)


def make_events(rows=50, seed=0):
    """Events out of order with ties, and a text column that needs quotes in CSV."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user": rng.integers(0, 5, rows),
            "item": [f"i{i}" for i in rng.integers(0, 5, rows)],
            "timestamp": START + pd.to_timedelta(rng.integers(0, 10, rows), "h"),
            "query": rng.choice(["", "green tea", 'say "tea", or', "two\nlines", "茶"], rows),
            "spend": rng.integers(0, 9, rows) / 4,
        }
    )


def write(events, path, format):
    """Writes events as another program would."""
    if format == "parquet":
        events.to_parquet(path)
    elif format == "csv":
        events.to_csv(path, index=False)
    else:
        rows = json.loads(events.to_json(orient="records", date_format="iso"))
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return str(path)


def load(events, tmp_path, **options):
    return files.load(str(events), folder=str(tmp_path / "kept"), **options)


def all_rows(interactions):
    return interactions.events.rows(0, len(interactions.events))


def sorted_by_pandas(events):
    events = events.assign(timestamp=events["timestamp"].astype("datetime64[ns]"))
    return events.sort_values("timestamp", kind="stable", ignore_index=True)


@pytest.mark.parametrize("format", FORMATS)
@given(cuts=st.lists(st.integers(0, 50), max_size=4), buffer=st.integers(1, 60), seed=st.integers(0, 3))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_split_into_files_and_pieces_gives_the_same_log(tmp_path_factory, format, cuts, buffer, seed):
    """The order of equal times is that of files and rows: pandas' stable sort of all rows gives the same."""
    root = tmp_path_factory.mktemp("split")
    events, edges = make_events(seed=seed), sorted({0, *cuts, 50})
    (root / "events").mkdir()
    for number, (start, stop) in enumerate(zip(edges, edges[1:], strict=False)):
        write(events[start:stop], root / "events" / f"{number}.{format}", format)
    result = load(root / "events", root, buffer_rows=buffer, types=None if format != "csv" else {"spend": "number"})
    pd.testing.assert_frame_equal(all_rows(result), sorted_by_pandas(events), check_dtype=True)
    assert isinstance(result.events, EventLog)
    assert result.items.index.tolist() == sorted(events["item"].unique())
    assert (result.items["text"] == "").all() and result.items.columns.tolist() == ["text"]
    assert result.changes is None and result.users is None


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("buffer", [7, 1000])
def test_no_more_rows_than_asked_for_are_held(tmp_path, monkeypatch, format, buffer):
    sizes, pieces = [], Source.pieces

    def spy(self, path):
        for piece in pieces(self, path):
            sizes.append(len(piece.rows))
            yield piece

    monkeypatch.setattr(Source, "pieces", spy)
    path = write(make_events(), tmp_path / f"events.{format}", format)
    load(path, tmp_path, buffer_rows=buffer)
    # the first row alone says which columns there are
    assert sizes[0] == 1 and sum(sizes[1:]) == 50 and max(sizes) == min(buffer, 50)


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_packed_files_are_unpacked(tmp_path, format):
    path = write(make_events(), tmp_path / f"events.{format}", format)
    packed = tmp_path / f"packed.{format}.gz"
    packed.write_bytes(gzip.compress((tmp_path / f"events.{format}").read_bytes()))
    pd.testing.assert_frame_equal(all_rows(load(packed, tmp_path)), all_rows(load(path, tmp_path)))
    packed.write_bytes(packed.read_bytes()[:100])
    with pytest.raises(InputError, match=f"packed.{format}.gz cannot be read as {format}"):
        load(packed, tmp_path)


def test_a_log_in_order_is_not_sorted(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    events = sorted_by_pandas(make_events())
    monkeypatch.setattr("tfrec.data.intake.parts.duckdb.connect", None)
    result = load(write(events, tmp_path / "events.parquet", "parquet"), tmp_path, buffer_rows=7)
    pd.testing.assert_frame_equal(all_rows(result), events)
    assert "sorted" not in caplog.text


CSV = "customer,sku,when,store\n7,a,2024-01-02,x\n8,b,2024-01-01,y\n"
NAMES = {"customer": "user", "sku": "item", "when": "timestamp"}


def write_text(tmp_path, text, name="events.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def test_columns_are_renamed_and_others_left_out(tmp_path):
    rows = all_rows(load(write_text(tmp_path, CSV), tmp_path, columns=NAMES))
    assert rows.columns.tolist() == ["user", "item", "timestamp"]
    assert rows["user"].tolist() == [8, 7] and rows["item"].tolist() == ["b", "a"]
    rows = all_rows(load(write_text(tmp_path, CSV), tmp_path, columns={**NAMES, "store": "shop"}))
    assert rows["shop"].tolist() == ["y", "x"]


@pytest.mark.parametrize(
    "ids, expected",
    [
        (["7", "12", "-3"], [7, 12, -3]),
        (["7", "012", "3"], ["7", "012", "3"]),
        (["7", "a", "3"], ["7", "a", "3"]),
        (["7", "7.0", "3"], ["7", "7.0", "3"]),
        (["99999999999999999999", "1", "2"], ["99999999999999999999", "1", "2"]),
        (["9007199254740993", "1", "2"], [9007199254740993, 1, 2]),  # 2**53 + 1, which no float holds
    ],
)
@pytest.mark.parametrize("buffer", [1, 1000])
def test_ids_of_a_csv_are_numbers_if_nothing_is_lost(tmp_path, ids, expected, buffer):
    text = "user,item,timestamp\n" + "".join(f"{user},1,2024-01-0{n}\n" for n, user in enumerate(ids, 1))
    assert all_rows(load(write_text(tmp_path, text), tmp_path, buffer_rows=buffer))["user"].tolist() == expected


def test_ids_of_a_csv_stay_text_where_it_is_said(tmp_path):
    rows = all_rows(load(write_text(tmp_path, CSV), tmp_path, columns=NAMES, types={"user": "text"}))
    assert rows["user"].tolist() == ["8", "7"]


def test_large_ids_beside_missing_ones_are_not_rounded(tmp_path):
    """2**53 + 1 is no float; the row without an item is left out."""
    big = 2**53 + 1
    table = pd.DataFrame({"user": 1, "item": pd.array([big, None], "Int64"), "timestamp": START})
    write(table, tmp_path / "events.parquet", "parquet")
    lines = [{"user": 1, "item": item, "timestamp": "2024-01-01"} for item in (big, None)]
    write_text(tmp_path, "".join(json.dumps(line) + "\n" for line in lines), "events.jsonl")
    for name in ("events.parquet", "events.jsonl"):
        assert all_rows(load(tmp_path / name, tmp_path, on_error="drop"))["item"].tolist() == [big]


def test_optional_columns_have_one_type_each(tmp_path):
    """In a CSV all of these are text."""
    text = (
        "user,item,timestamp,click,purchase,rating,spend,quantity,position,propensity,slate,known,store\n"
        "1,2,2024-01-01,1,0,4.5,9.99,2,1,0.25,7,2024-01-03,12\n"
    )
    row = all_rows(load(write_text(tmp_path, text), tmp_path)).iloc[0]
    assert row[["click", "purchase", "position", "slate"]].tolist() == [1, 0, 1, 7]
    assert row[["rating", "spend", "quantity", "propensity"]].tolist() == [4.5, 9.99, 2.0, 0.25]
    assert row["known"] == pd.Timestamp("2024-01-03") and row["store"] == "12"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("buffer", [1, 100])
def test_labels_may_be_true_and_false(tmp_path, format, buffer):
    """In a CSV, pandas writes True and False, and others true and false."""
    events = make_events(rows=4).assign(click=[True, False, False, True], purchase=[1, 0, 1, 1])
    path = write(events, tmp_path / f"events.{format}", format)
    expected = sorted_by_pandas(events)[["click", "purchase"]].astype("int8")
    pd.testing.assert_frame_equal(all_rows(load(path, tmp_path, buffer_rows=buffer))[["click", "purchase"]], expected)
    if format == "csv":
        text = (tmp_path / "events.csv").read_text()
        path = write_text(tmp_path, text.replace("True", "true").replace("False", "FALSE"))
        assert all_rows(load(path, tmp_path, buffer_rows=buffer))["click"].tolist() == expected["click"].tolist()
        with pytest.raises(InputError, match=r"column 'click' \(yes\) is not a number \(2 such rows\)"):
            load(write_text(tmp_path, text.replace("True", "yes")), tmp_path, buffer_rows=buffer)


@pytest.mark.parametrize(
    "value, options, expected",
    [
        ("2024-03-31T12:00:00", {}, "2024-03-31 12:00"),
        ("2024-03-31 12:00:00.123456789", {}, "2024-03-31 12:00:00.123456789"),
        ("2024-03-31T12:00:00Z", {"timezone": "Asia/Tokyo"}, "2024-03-31 12:00"),
        ("2024-03-31T12:00:00+05:30", {}, "2024-03-31 06:30"),
        ("2024-03-31T12:00:00-0500", {}, "2024-03-31 17:00"),
        ("2024-03-31T12:00:00", {"timezone": "Asia/Tokyo"}, "2024-03-31 03:00"),
        ("2024-03-31", {"timezone": "Asia/Tokyo"}, "2024-03-30 15:00"),
        ("31.03.2024 12:00", {"timestamp_format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"}, "2024-03-31 10:00"),
        ("31.03.2024 12:00 +0100", {"timestamp_format": "%d.%m.%Y %H:%M %z"}, "2024-03-31 11:00"),
        ("1711886400", {"timestamp_unit": "s"}, "2024-03-31 12:00"),
        ("1711886400.5", {"timestamp_unit": "s"}, "2024-03-31 12:00:00.5"),
        ("1711886400123", {"timestamp_unit": "ms"}, "2024-03-31 12:00:00.123"),
        ("1711886400123456789", {"timestamp_unit": "ns"}, "2024-03-31 12:00:00.123456789"),
    ],
)
def test_times_become_utc(tmp_path, value, options, expected):
    """12:00 on 31 March 2024 is 1711886400 s after 1970; Tokyo is 9 h ahead, Berlin 2 h in summer."""
    path = write_text(tmp_path, f"user,item,timestamp\n1,2,{value}\n")
    assert all_rows(load(path, tmp_path, **options))["timestamp"].tolist() == [pd.Timestamp(expected)]
    if "timestamp_unit" in options:
        path = write_text(tmp_path, f'{{"user": 1, "item": 2, "timestamp": {value}}}\n', "events.jsonl")
        assert all_rows(load(path, tmp_path, **options))["timestamp"].tolist() == [pd.Timestamp(expected)]


def test_times_of_parquet_with_and_without_a_zone(tmp_path):
    events = pd.DataFrame({"user": 1, "item": 2, "timestamp": [START, START + pd.Timedelta("1h")]})
    path = write(events, tmp_path / "naive.parquet", "parquet")
    assert all_rows(load(path, tmp_path, timezone="Asia/Tokyo"))["timestamp"].iloc[0] == START - pd.Timedelta("9h")
    aware = events.assign(timestamp=events["timestamp"].dt.tz_localize("Asia/Tokyo"))
    path = write(aware, tmp_path / "aware.parquet", "parquet")
    assert all_rows(load(path, tmp_path))["timestamp"].iloc[0] == START - pd.Timedelta("9h")


def test_offsets_and_local_times_may_be_mixed(tmp_path):
    text = "user,item,timestamp\n1,2,2024-01-01T12:00\n2,2,2024-01-01T12:00Z\n"
    rows = all_rows(load(write_text(tmp_path, text), tmp_path, timezone="Asia/Tokyo"))
    assert rows["timestamp"].dt.hour.tolist() == [3, 12] and rows["user"].tolist() == [1, 2]


@pytest.mark.parametrize("encoding", ["gbk", "shift_jis", "cp1252", "utf-8-sig"])
@pytest.mark.parametrize("name", ["events.csv", "events.jsonl"])
def test_other_encodings(tmp_path, encoding, name):
    word = "café" if encoding == "cp1252" else "茶"
    rows = pd.DataFrame({"user": [1], "item": ["2"], "timestamp": [START], "query": [word]})
    write(rows, tmp_path / name, name.partition(".")[2])
    path = write_text(tmp_path, (tmp_path / name).read_text(), name, encoding)
    stated = "utf-8" if encoding == "utf-8-sig" else encoding  # a mark at the beginning is no part of the text
    assert all_rows(load(path, tmp_path, encoding=stated))["query"].tolist() == [word]


def test_bytes_of_a_parquet_file_are_text_in_the_encoding(tmp_path):
    events = pd.DataFrame({"user": 1, "item": 2, "timestamp": START, "query": ["café".encode("cp1252"), b"tea"]})
    path = write(events, tmp_path / "events.parquet", "parquet")
    assert all_rows(load(path, tmp_path, encoding="cp1252"))["query"].tolist() == ["café", "tea"]


def test_the_log_is_kept_until_a_file_or_an_option_changes(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    path, made, pieces = write_text(tmp_path, CSV), [], Source.pieces
    monkeypatch.setattr(Source, "pieces", lambda self, path: made.append(1) or pieces(self, path))
    first = load(path, tmp_path, columns=NAMES)
    assert made and "an earlier run left it" not in caplog.text
    made.clear()
    again = load(path, tmp_path, columns=NAMES, buffer_rows=1, report=3)  # these do not change the result
    assert not made and again.events.path == first.events.path and "an earlier run left it" in caplog.text
    pd.testing.assert_frame_equal(all_rows(again), all_rows(first))
    pd.testing.assert_frame_equal(again.items, first.items)
    load(path, tmp_path, columns=NAMES, timezone="Asia/Tokyo")
    assert made
    made.clear()
    path.write_text(CSV + "9,c,2024-01-03,z\n")
    assert len(load(path, tmp_path, columns=NAMES).events) == 3 and made


def test_a_log_that_was_killed_half_way_is_started_over(tmp_path, monkeypatch):
    path = write_text(tmp_path, CSV)

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tfrec.data.intake.whole.EventLog.write", killed)
        patch.setattr("tfrec.data.intake.kept.shutil.rmtree", lambda *arguments, **options: None)  # as after kill -9
        with pytest.raises(KeyboardInterrupt):
            load(path, tmp_path, columns=NAMES)
    (draft,) = (tmp_path / "kept").glob("*.draft")
    assert any(draft.rglob("*.parquet"))
    assert len(load(path, tmp_path, columns=NAMES).events) == 2
    (place,) = (place for place in (tmp_path / "kept").iterdir() if place.is_dir())
    assert place.suffix == "" and sorted(file.name for file in place.iterdir()) == [
        "events.parquet",
        "items.parquet",
        "summary.json",
    ]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"on_error": "skip"}, "data.on_error is 'skip': choose raise or drop"),
        ({"duplicates": "merge"}, "data.duplicates is 'merge': choose keep, drop or raise"),
        ({"buffer_rows": 0}, "data.buffer_rows is 0: choose 1 or more"),
        ({"report": 0}, "data.report is 0: choose 1 or more"),
        ({"memory": "much"}, "data.memory is 'much': write for example 500MB or 2GB"),
        ({"columns": {**NAMES, "store": "_at"}}, "has a column '_at', which tfrec uses itself: rename it"),
        ({"types": {"store": "float"}}, "data.types.store is 'float': choose number or text"),
        ({"timestamp_unit": "h"}, "data.timestamp_unit is 'h': choose s, ms, us, ns or null"),
        ({"timestamp_unit": "s", "timestamp_format": "%Y"}, "set one"),
        ({"timezone": "Mars/Phobos"}, "data.timezone is 'Mars/Phobos': write a name such as UTC"),
        ({"encoding": "utf-9"}, "data.encoding is 'utf-9', which is not known"),
        ({"encoding": "utf-16"}, "convert the files to UTF-8"),
        ({"format": "tsv"}, "data.format is 'tsv': choose parquet, csv, jsonl or null"),
        ({"columns": {"customer": "user", "sku": "item"}}, "data.columns has no column for 'timestamp': add it"),
        ({"columns": {**NAMES, "store": "item"}}, "data.columns has several columns for 'item': keep one"),
        ({"columns": {**NAMES, "shop": "shop"}}, "has no column 'shop' for 'shop' .it has customer, sku, when, store."),
        ({}, r"events.csv has no column 'user' \(it has customer, .*set data.columns, for example data.columns={my"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        load(write_text(tmp_path, CSV), tmp_path, **options)


def test_files_that_are_not_there_or_not_known(tmp_path):
    with pytest.raises(InputError, match="nowhere is not there: set data.events to a file or a folder"):
        load(tmp_path / "nowhere", tmp_path)
    with pytest.raises(InputError, match="The format of .*events.txt is not known: set data.format"):
        load(write_text(tmp_path, CSV, "events.txt"), tmp_path)
    assert len(load(tmp_path / "events.txt", tmp_path, format="csv", columns=NAMES).events) == 2
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="has no Parquet, CSV or JSON Lines files"):
        load(tmp_path / "folder", tmp_path)
    write_text(tmp_path / "folder", CSV, "a.csv")
    write_text(tmp_path / "folder", "{}", "b.jsonl")
    with pytest.raises(InputError, match="several formats .a.csv, b.jsonl.: keep one"):
        load(tmp_path / "folder", tmp_path)
    write_text(tmp_path, "no table", "events.parquet")
    with pytest.raises(InputError, match="events.parquet cannot be read as parquet"):
        load(tmp_path / "events.parquet", tmp_path)
    for text in ("", "user,item,timestamp\n"):
        with pytest.raises(InputError, match="events.csv has no"):
            load(write_text(tmp_path, text), tmp_path)
