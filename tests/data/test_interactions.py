"""What a log must be, and what is said when it is not."""

import datetime
import logging

import numpy as np
import pandas as pd
import pytest

from tfrec.data.interactions import validated
from tfrec.errors import InputError

DAYS = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-02", "2024-01-05"])


def make_events(**columns):
    events = pd.DataFrame({"user": [1, 2, 1, 3], "item": [10, 11, 12, 10], "timestamp": DAYS})
    return events.assign(**columns)


def make_items(texts=("tea", "milk", "bread"), ids=(10, 11, 12)):
    return pd.DataFrame({"text": list(texts), "aisle": "food"}, index=list(ids))


def test_a_valid_log_arrives_as_it_is(caplog):
    caplog.set_level(logging.INFO)
    events, items = make_events(store=[7, 7, 8, 8]), make_items()
    interactions = validated(events, items, "shop.csv")
    pd.testing.assert_frame_equal(interactions.events, events)
    pd.testing.assert_frame_equal(interactions.items, items)
    assert not caplog.records


def test_an_unsorted_log_is_sorted_stably_and_not_in_place(caplog):
    """Of 200 events at 12 different times, those of one time keep their order: so does Python's sort."""
    caplog.set_level(logging.INFO)
    rng = np.random.default_rng(0)
    hours = rng.integers(0, 12, 200)
    events = pd.DataFrame({"user": np.arange(200), "item": 10, "timestamp": DAYS[0] + pd.to_timedelta(hours, unit="h")})
    events.index = rng.permutation(200)  # a file's index must not matter
    before = events.copy()
    result = validated(events, make_items(), "shop.csv").events
    assert result["user"].tolist() == sorted(range(200), key=lambda user: hours[user])
    assert result["timestamp"].is_monotonic_increasing
    assert result.index.tolist() == list(range(200))
    pd.testing.assert_frame_equal(events, before)
    assert "shop.csv is not in time order: sorted stably by timestamp" in caplog.text


def test_full_duplicates_are_kept_and_counted(caplog):
    """Rows 1, 2 and 4 repeat row 0 in every column; row 3 differs in its price."""
    caplog.set_level(logging.INFO)
    events = pd.DataFrame({"user": 1, "item": 10, "timestamp": DAYS[0], "price": [5.0, 5.0, 5.0, 6.0, 5.0]})
    assert len(validated(events, make_items(), "shop.csv").events) == 5
    assert "shop.csv: 3 of 5 rows repeat an earlier row in user, item, timestamp, price" in caplog.text


def test_times_with_a_time_zone_become_utc():
    """Tokyo is nine hours ahead."""
    result = validated(make_events(timestamp=DAYS.tz_localize("Asia/Tokyo")), make_items(), "shop.csv")
    assert result.events["timestamp"].tolist() == [day - pd.Timedelta("9h") for day in DAYS]


@pytest.mark.parametrize("column", ["user", "item", "timestamp"])
def test_a_missing_column_is_named_with_those_that_are_there(column):
    left = [name for name in ("user", "item", "timestamp") if name != column]
    with pytest.raises(InputError, match=f"shop.csv has no column '{column}'.*{', '.join(left)}.*rename"):
        validated(make_events().drop(columns=column), make_items(), "shop.csv")


def test_an_item_table_without_text_is_named():
    with pytest.raises(InputError, match="item table of shop.csv has no column 'text' .it has aisle.*: add it"):
        validated(make_events(), make_items().drop(columns="text"), "shop.csv")


MISSING = r"shop.csv, row 2, column '{}' is missing \(1 such rows\): fill it in or remove the rows"
LACKING = r"shop.csv, row {}, column 'price' is missing \({} such rows\): fill it in or remove the rows"
INFINITE = r"shop.csv, row {}, column '{}' \({}\) is infinite \({} such rows\): write a finite number"


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"timestamp": [DAYS[0], DAYS[1], pd.NaT, DAYS[3]]}, MISSING.format("timestamp")),
        ({"user": [1, 2, np.nan, 3]}, MISSING.format("user")),
        ({"user": ["a", "b", None, "c"]}, MISSING.format("user")),
        ({"item": pd.array([10, 11, None, 10], dtype="Int64")}, MISSING.format("item")),
        ({"price": [1.0, np.nan, 2.0, np.nan]}, LACKING.format(1, 2)),
        ({"price": [1.0, 1.0, 2.0, np.inf]}, INFINITE.format(3, "price", "inf", 1)),
        ({"price": [-np.inf, 1.0, 2.0, 1.0]}, INFINITE.format(0, "price", "-inf", 1)),
        ({"price": pd.array([1, 2, 3, None], dtype="Int64")}, LACKING.format(3, 1)),
        ({"user": [1.0, 2.0, np.inf, 3.0]}, INFINITE.format(2, "user", "inf", 1)),
        (
            {"spend": [1.0, -2.0, 2.0, 1.0]},
            r"row 1, column 'spend' \(-2.0\) is negative \(1 such rows\): write 0 or more",
        ),
    ],
)
def test_a_bad_value_is_an_error_that_names_source_row_and_column(columns, message):
    with pytest.raises(InputError, match=message):
        validated(make_events(**columns), make_items(), "shop.csv")


def test_the_row_is_that_of_the_log_as_given_not_as_sorted():
    events = make_events(timestamp=DAYS[::-1], price=[1.0, 2.0, np.nan, 3.0])
    with pytest.raises(InputError, match="row 2, column 'price'"):
        validated(events.set_index(pd.Index([90, 91, 92, 93])), make_items(), "shop.csv")


@pytest.mark.parametrize(
    "times, kind",
    [
        (DAYS.astype("int64"), "int64"),
        (DAYS.astype(str), "str|object"),
        ([datetime.date(2024, 1, 1)] * 4, "object"),
    ],
)
def test_times_of_another_type_are_refused_with_what_converts_them(times, kind):
    message = f"shop.csv, column 'timestamp' has type ({kind}), not a date and time: convert it with pandas.to_datetime"
    with pytest.raises(InputError, match=message):
        validated(make_events(timestamp=times), make_items(), "shop.csv")


def test_items_that_the_table_lacks_are_named():
    """Rows 1 and 3 buy 98 and 99."""
    message = r"row 1, column 'item' \(98\) is not in the item table \(2 such rows\): add the item or remove the rows"
    with pytest.raises(InputError, match=message):
        validated(make_events(item=[10, 98, 12, 99]), make_items(), "shop.csv")


def test_an_item_without_text_is_named():
    message = r"item table of shop.csv, item 11, column 'text' has no text \(2 such rows\): write an empty string"
    with pytest.raises(InputError, match=message):
        validated(make_events(), make_items(texts=("tea", None, np.nan)), "shop.csv")


def test_an_empty_text_is_a_text():
    assert validated(make_events(), make_items(texts=("", "", "")), "shop.csv").items["text"].tolist() == [""] * 3


def test_an_item_with_two_rows_is_named():
    with pytest.raises(
        InputError,
        match="item table of shop.csv, item 11, .* is there more than once .1 such rows.: keep one row of each",
    ):
        validated(make_events(item=10), make_items(ids=(10, 11, 11)), "shop.csv")


def test_a_log_without_events_is_refused():
    with pytest.raises(InputError, match="shop.csv has no events: give a log with at least one row"):
        validated(make_events()[:0], make_items(), "shop.csv")


def test_all_faults_come_at_once():
    events = make_events(item=[10, 98, 12, 99], spend=[1.0, -1.0, np.nan, 1.0])
    with pytest.raises(InputError) as error:
        validated(events, make_items(texts=("tea", None, "")), "shop.csv")
    kinds, rows = str(error.value).split("Row by row (all):\n")
    assert [line.partition(" (")[0] for line in kinds.splitlines()] == [
        "shop.csv, row 1, column 'item'",
        "shop.csv, row 1, column 'spend'",
        "shop.csv, row 2, column 'spend' is missing",
        "item table of shop.csv, item 11, column 'text' has no text",
    ]
    assert len(rows.splitlines()) == 5


def make_changes(**columns):
    changes = pd.DataFrame(
        {"item": [11, 10, 12], "timestamp": DAYS[[3, 0, 1]], "text": ["oat milk", "green tea", None]}
    )
    return changes.assign(**columns)


def test_later_versions_of_items_are_sorted_and_users_come_along():
    users = pd.DataFrame({"country": ["DE", "FR", ""]}, index=[1, 2, 3])
    result = validated(make_events(), make_items(), "shop.csv", make_changes(), users)
    assert result.changes["item"].tolist() == [10, 12, 11]
    assert result.changes["timestamp"].tolist() == [DAYS[0], DAYS[1], DAYS[3]]
    pd.testing.assert_frame_equal(result.users, users)


@pytest.mark.parametrize(
    "changes, users, message",
    [
        (
            {"item": [11, 10, 99]},
            None,
            r"item versions of shop.csv, row 2, column 'item' \(99\) is not in the item table",
        ),
        ({"timestamp": [pd.NaT, *DAYS[:2]]}, None, "item versions of shop.csv, row 0, column 'timestamp' is missing"),
        ({"price": 1.0}, None, r"item versions of shop.csv have columns that the item table lacks \(price\): add them"),
        ({}, [1, 1, 2], r"users table of shop.csv, user 1, column 'user' \(1\) is there more than once"),
    ],
)
def test_versions_and_users_are_checked_too(changes, users, message):
    users = None if users is None else pd.DataFrame({"country": "DE"}, index=users)
    with pytest.raises(InputError, match=message):
        validated(make_events(), make_items(), "shop.csv", make_changes(**changes), users)
