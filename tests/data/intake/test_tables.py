"""Item tables with texts and versions, users tables, and ids that are the same on both sides."""

import json

import numpy as np
import pandas as pd
import pytest

from tfrec.data import files
from tfrec.errors import InputError

EVENTS = "user,item,timestamp\n1,a,2024-01-01\n2,b,2024-01-05\n1,c,2024-01-09\n"


def load(tmp_path, events=EVENTS, items=None, users=None, **options):
    """CSV texts, or tables that become Parquet files, as files of a log."""
    paths = {}
    for name, table in (("events", events), ("items", items), ("users", users)):
        if isinstance(table, str):
            paths[name] = tmp_path / f"{name}.csv"
            paths[name].write_text(table)
        elif table is not None:
            paths[name] = tmp_path / f"{name}.parquet"
            table.to_parquet(paths[name])
    paths = {name: str(path) for name, path in paths.items()}
    return files.load(**paths, folder=str(tmp_path / "kept"), **options)


ITEMS = "sku,title,brand,price\na,Tea,Leaf,1.5\nb,Milk,,\nc,,Mill,2\nd,Jam,Mill,3\n"
NAMES = {"sku": "item", "brand": "brand", "price": "price"}


def test_a_text_is_joined_from_columns_and_others_are_categories_or_numbers(tmp_path):
    result = load(
        tmp_path, items=ITEMS, item_columns=NAMES, text=["brand", "title"], types={"price": "number"}, buffer_rows=2
    )
    expected = pd.DataFrame(
        {
            "brand": ["Leaf", "", "Mill", "Mill"],
            "price": [1.5, np.nan, 2.0, 3.0],
            "text": ["Leaf Tea", "Milk", "Mill", "Mill Jam"],
        },
        index=pd.Index(["a", "b", "c", "d"], name="item"),
    )
    pd.testing.assert_frame_equal(result.items, expected)
    assert result.changes is None


def test_columns_of_the_text_are_no_categories_unless_they_are_named(tmp_path):
    items = ITEMS.replace("sku", "item")
    assert load(tmp_path, items=items, text="title").items.columns.tolist() == ["brand", "price", "text"]
    assert load(tmp_path, items=items.replace("title", "text")).items["text"].tolist() == ["Tea", "Milk", "", "Jam"]
    with pytest.raises(InputError, match=r"items.csv has no column 'text' .*data.text=\[title,brand\]"):
        load(tmp_path, items=items)


VERSIONS = (
    "item,timestamp,text,brand,price\n"
    "a,2023-12-01,old tea,Leaf,1\n"
    "a,2024-01-01,tea,,2\n"
    "b,2024-01-06,oat milk,Oat,\n"
    "a,2024-01-04,,Twig,3\n"
    "c,2024-01-01T00:00:01,bread,Mill,4\n"
)


def test_versions_before_the_first_event_are_known_and_later_ones_are_changes(tmp_path):
    """The first event is at midnight of 1 January: two versions of a are from then, b and c become known later."""
    result = load(tmp_path, items=VERSIONS, types={"price": "number"})
    expected = pd.DataFrame(
        {"text": ["tea", "", ""], "brand": ["Leaf", "", ""], "price": [2.0, np.nan, np.nan]},
        index=pd.Index(["a", "b", "c"], name="item"),
    )
    pd.testing.assert_frame_equal(result.items, expected)
    changes = result.changes
    assert changes["item"].tolist() == ["c", "a", "b"] and changes["timestamp"].is_monotonic_increasing
    assert changes["timestamp"].tolist() == [
        pd.Timestamp("2024-01-01 00:00:01"),
        pd.Timestamp("2024-01-04"),
        pd.Timestamp("2024-01-06"),
    ]
    # an empty value of a version says that nothing changed
    assert changes["text"].isna().tolist() == [False, True, False]
    assert changes["brand"].tolist() == ["Mill", "Twig", "Oat"]
    np.testing.assert_array_equal(changes["price"], [4.0, 3.0, np.nan])


def test_users_have_columns_too(tmp_path):
    users = "customer,country,age\n1,DE,30\n2,,\n3,FR,50\n"
    names = {"customer": "user", "country": "country", "age": "age"}
    result = load(tmp_path, users=users, user_columns=names, types={"age": "number"})
    expected = pd.DataFrame(
        {"country": ["DE", "", "FR"], "age": [30, np.nan, 50]}, index=pd.Index([1, 2, 3], name="user")
    )
    pd.testing.assert_frame_equal(result.users, expected)


def table(ids, column="item"):
    return pd.DataFrame({column: ids, "text": "tea"})


def log(ids):
    return pd.DataFrame({"user": 1, "item": ids, "timestamp": pd.Timestamp("2024-01-01")})


@pytest.mark.parametrize("buffer", [1, 100])
@pytest.mark.parametrize(
    "events, items, expected",
    [
        # 7 in a CSV is a number or text, as the table or log of a typed file has it
        ("user,item,timestamp\n1,7,2024-01-01\n1,8,2024-01-01\n", table([7, 8]), [7, 8]),
        ("user,item,timestamp\n1,7,2024-01-01\n1,8,2024-01-01\n", table(["7", "8"]), ["7", "8"]),
        (log([7, 8]), "item,text\n7,tea\n8,tea\n", [7, 8]),
        (log(["7", "8"]), "item,text\n7,tea\n8,tea\n", ["7", "8"]),
        (log(["7", "x"]), "item,text\n7,tea\nx,tea\n", ["7", "x"]),
        # an item that nobody bought makes the ids of both text
        ("user,item,timestamp\n1,7,2024-01-01\n1,8,2024-01-01\n", "item,text\n7,t\n8,t\nx,t\n", ["7", "8"]),
    ],
)
def test_ids_of_a_csv_are_of_the_kind_that_the_other_side_has(tmp_path, buffer, events, items, expected):
    result = load(tmp_path, events, items, buffer_rows=buffer)
    bought = result.events.rows(0, 9)["item"]
    assert bought.tolist() == expected
    assert bought.isin(result.items.index).all() and result.items.loc[expected[0], "text"] in ("tea", "t")


@pytest.mark.parametrize(
    "events, items, kinds",
    [
        (log([7, 8]), table(["7", "8"]), "whole numbers in the event log and text in the item table"),
        (log(["7", "8"]), table([7, 8]), "text in the event log and whole numbers in the item table"),
        (log([7, 8]), "item,text\n7,tea\nx,tea\n", "whole numbers in the event log and text in the item table"),
    ],
)
def test_ids_of_another_kind_are_named(tmp_path, events, items, kinds):
    with pytest.raises(InputError, match=f"The ids of items are {kinds}: write them alike"):
        load(tmp_path, events, items)
    users = pd.DataFrame({"user": ["1"], "country": "DE"})
    with pytest.raises(InputError, match="The ids of users are whole numbers in the event log and text in the user t"):
        load(tmp_path, log([7, 8]), users=users)


@pytest.mark.parametrize("buffer", [1, 100])
@pytest.mark.parametrize("ids", [["7", "8", "9"], ["a", "b", "c"]])
def test_events_of_unknown_items_are_named(tmp_path, ids, buffer):
    events = "user,item,timestamp\n" + "".join(f"1,{item},2024-01-01\n" for item in [ids[0], "99", ids[1], "zz"])
    items = "item,text\n" + "".join(f"{item},tea\n" for item in ids)
    with pytest.raises(InputError) as error:
        load(tmp_path, events, items, buffer_rows=buffer)
    message = str(error.value)
    assert "events.csv, line 3, column 'item' (99) is not in the item table (2 such rows): add the item" in message
    assert "events.csv, line 5, column 'item' (zz) is not in the item table" in message
    left = load(tmp_path, events, items, buffer_rows=buffer, on_error="drop").events.rows(0, 9)
    assert left["item"].astype(str).tolist() == ids[:2]


def test_faults_of_tables_and_events_come_together(tmp_path):
    items = "item,text,price\na,tea,1\nb,milk,cheap\nc,bread\na,more tea,2\nd,jam,inf\n,none,1\n"
    with pytest.raises(InputError) as error:
        load(tmp_path, EVENTS + "3,d,1970-01-01\n", items, types={"price": "number"})
    message = str(error.value)
    for sentence in (
        "items.csv, line 3, column 'price' (cheap) is not a number (1 such rows)",
        "items.csv, line 4 (2 fields, 3 in the header) has another number of fields",
        "items.csv, line 5, column 'item' (a) is there more than once (1 such rows): keep one row of each",
        "items.csv, line 6, column 'price' (inf) is infinite",
        "items.csv, line 7, column 'item' is missing",
        "events.csv, line 5, column 'timestamp' (1970-01-01 00:00:00) is before 1980",
        "events.csv, line 3, column 'item' (b) is not in the item table",  # its row is none
    ):
        assert sentence in message
    result = load(tmp_path, EVENTS, items, types={"price": "number"}, on_error="drop")
    assert result.items.index.tolist() == ["a"] and result.events.rows(0, 9)["item"].tolist() == ["a"]


def test_a_folder_of_json_lines_is_a_table(tmp_path):
    (tmp_path / "items").mkdir()
    for name, item in (("x", "a"), ("y", "b"), ("z", "c")):
        row = {"item": item, "text": name, "price": 1.5 if item == "a" else None}
        (tmp_path / "items" / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "events.csv").write_text(EVENTS)
    result = files.load(str(tmp_path / "events.csv"), str(tmp_path / "items"), folder=str(tmp_path / "kept"))
    assert result.items["text"].to_dict() == {"a": "x", "b": "y", "c": "z"}
    np.testing.assert_array_equal(result.items["price"], [1.5, np.nan, np.nan])
