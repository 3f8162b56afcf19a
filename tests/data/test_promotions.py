"""Promotions, coupons, demographics and amounts of Complete Journey: counted right, and not known too early."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.journey import COLUMNS, make_journey
from tfrec.data import complete_journey, promotions
from tfrec.data.promotions import coupon_changes, promotion_changes, week_ends
from tfrec.errors import InputError

ALL = {"columns": COLUMNS, "promotions": True, "coupons": True, "demographics": True}
ENDS = pd.Series(pd.to_datetime([f"2017-01-{day:02}" for day in (1, 2, 9, 16, 23)]), range(5))  # of weeks 0 to 4


def test_weeks_of_the_published_log_end_between_its_transactions():
    """No transaction of a week is at or after its end, none of the next is before, in winter (05:00) and summer."""
    root = complete_journey._package_folder()
    log = pd.read_parquet(root / "transactions.parquet", columns=["week", "transaction_timestamp"])
    ends = week_ends(log["week"], log["transaction_timestamp"], "log")
    times = log.groupby("week")["transaction_timestamp"].agg(["min", "max"])
    assert (times["max"] < ends[times.index]).all()
    assert (times["min"].iloc[1:].to_numpy() >= ends[times.index[:-1]].to_numpy()).all()
    wanted = {1: "2017-01-02 05:00", 10: "2017-03-06 05:00", 11: "2017-03-13 04:00", 44: "2017-10-30 04:00"}
    wanted |= {45: "2017-11-06 05:00", 53: "2018-01-01 05:00"}
    assert {week: f"{ends[week]:%Y-%m-%d %H:%M}" for week in wanted} == wanted


def test_a_log_that_begins_in_another_week_has_the_same_calendar():
    times = pd.Series(pd.to_datetime(["2017-07-10 04:00", "2017-07-03 12:00"]))  # the earliest is not the first row
    ends = week_ends(pd.Series([29, 28]), times, "log")
    assert (ends[28], ends[1]) == (pd.Timestamp("2017-07-10 04:00"), pd.Timestamp("2017-01-02 05:00"))


def test_a_week_that_begins_on_another_day_is_refused():
    times = pd.Series(pd.to_datetime(["2017-07-03 12:00", "2017-07-10 04:00"]))
    with pytest.raises(InputError, match="log: 1 rows have a week that does not begin on Monday, 00:00"):
        week_ends(pd.Series([28, 28]), times, "log")


def write_promotions(path, rows):
    columns = ["product_id", "store_id", "display_location", "mailer_location", "week"]
    types = {"product_id": "int64", "store_id": "int64", "week": "int64"}
    table = pd.DataFrame(rows, columns=columns).astype(types)
    schema = pa.schema([(name, pa.int64() if name in types else pa.string()) for name in columns])
    pq.write_table(pa.Table.from_pandas(table, schema, preserve_index=False), path)
    return path


def test_shares_become_known_when_their_week_is_over(tmp_path):
    rows = [
        (10, 1, "3", "0", 1), (10, 1, "5", "0", 1), (10, 2, "0", "A", 1),  # week 1: stores 1 and 2
        (20, 1, "0", "A", 1), (20, 2, "0", "D", 1),
        (20, 1, "0", "A", 2), (20, 2, "0", "A", 2),  # week 2: stores 1 and 2; 20 as before, 10 no longer
        (10, 1, "9", None, 3),  # week 3: store 1 alone; a missing location is none
    ]  # fmt: skip
    changes = promotion_changes(write_promotions(tmp_path / "p.parquet", rows), ENDS, tmp_path)
    assert changes.columns.tolist() == ["item", "timestamp", "display", "mailer"]
    assert changes.values.tolist() == [
        [10, ENDS[1], 0.5, 0.5],  # store 1 counts once
        [20, ENDS[1], 0.0, 1.0],
        [10, ENDS[2], 0.0, 0.0],
        [10, ENDS[3], 1.0, 0.0],
        [20, ENDS[3], 0.0, 0.0],
    ]


def test_no_promotions_are_no_changes(tmp_path):
    assert promotion_changes(write_promotions(tmp_path / "p.parquet", []), ENDS, tmp_path).empty


PROMOTIONS = st.tuples(
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["0", "1", "A"]),
    st.sampled_from(["0", "D"]),
    st.integers(1, 3),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(PROMOTIONS, max_size=25), st.integers(1, 4))
def test_shares_are_those_of_a_plain_count(tmp_path_factory, rows, piece):
    """For each week a Python loop over stores; the state after a week is the newest change of each product."""
    folder = tmp_path_factory.mktemp("shares")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(promotions, "_PIECE", piece)
        changes = promotion_changes(write_promotions(folder / "p.parquet", rows), ENDS, folder)
    for week in sorted({row[4] for row in rows}):
        state = changes[changes["timestamp"] <= ENDS[week]].groupby("item")[["display", "mailer"]].last()
        stores = {store for _, store, _, _, w in rows if w == week}
        for product in {row[0] for row in rows}:
            for column, name in ((2, "display"), (3, "mailer")):
                on = {row[1] for row in rows if (row[0], row[4]) == (product, week) and row[column] != "0"}
                assert state[name].get(product, 0.0) == len(on) / len(stores)


def test_the_count_is_kept_for_as_long_as_the_file_is_the_same(tmp_path, monkeypatch):
    path = write_promotions(tmp_path / "p.parquet", [(10, 1, "3", "0", 1)])
    calls, count = [], promotions._shares
    monkeypatch.setattr(promotions, "_shares", lambda path: calls.append(path) or count(path))
    first, second = (promotion_changes(path, ENDS, tmp_path) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert len(calls) == 1
    write_promotions(path, [(10, 1, "3", "A", 1)])
    assert promotion_changes(path, ENDS, tmp_path)["mailer"].tolist() == [1.0]
    assert len(calls) == 2


@pytest.mark.parametrize("row", [(-1, 1, "0", "0", 1), (1, 1 << 20, "0", "0", 1), (1, 1, "0", "0", 64)])
def test_numbers_too_large_to_be_packed_are_refused(tmp_path, row):
    with pytest.raises(InputError, match="p.parquet has a negative number, a week over 63 or a store over 1048575"):
        promotion_changes(write_promotions(tmp_path / "p.parquet", [row]), ENDS, tmp_path)


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "p.parquet").write_text("not a table")
    with pytest.raises(InputError, match="p.parquet cannot be read as a Parquet file"):
        promotion_changes(tmp_path / "p.parquet", ENDS, tmp_path)


def test_campaigns_count_from_their_first_day_to_the_end_of_their_last():
    campaigns = pd.DataFrame({"campaign_id": [1, 2], "start_date": ["2017-01-03", "2017-07-05"]})
    campaigns["end_date"] = ["2017-07-04", "2017-07-06"]
    campaigns[["start_date", "end_date"]] = campaigns[["start_date", "end_date"]].apply(pd.to_datetime)
    # product 10 has two coupons of campaign 1 (it counts once) and one of 2, which follows without a day between
    coupons = pd.DataFrame({"coupon_upc": [1, 2, 3, 4], "product_id": [10, 10, 20, 10], "campaign_id": [1, 1, 2, 2]})
    changes = coupon_changes(coupons, campaigns)
    assert [(item, f"{time:%m-%d %H}", n) for item, time, n in changes.itertuples(index=False)] == [
        (10, "01-03 05", 1),  # 00:00 in New York
        (20, "07-05 04", 1),
        (10, "07-07 04", 0),
        (20, "07-07 04", 0),
    ]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 28), st.integers(0, 20)), min_size=1, max_size=5))
def test_coupons_are_those_of_a_plain_count(spans):
    campaigns = pd.DataFrame({"campaign_id": range(len(spans))})
    campaigns["start_date"] = pd.to_datetime([f"2017-01-{start:02}" for start, _ in spans])
    campaigns["end_date"] = campaigns["start_date"] + pd.to_timedelta([days for _, days in spans], unit="D")
    coupons = pd.DataFrame({"product_id": 10, "campaign_id": campaigns["campaign_id"]})
    changes = coupon_changes(coupons, campaigns).set_index("timestamp")["coupon_campaigns"]
    for day in range(1, 55):
        noon = pd.Timestamp("2016-12-31 17:00") + pd.Timedelta(days=day)
        running = sum(start <= day <= start + days for start, days in spans)
        assert (changes[:noon].iloc[-1] if len(changes[:noon]) else 0) == running


def test_everything_of_a_small_log(tmp_path):
    data = complete_journey.load(make_journey(tmp_path), **ALL)
    assert data.events.columns.tolist() == ["user", "item", "timestamp", *COLUMNS]
    assert data.events.iloc[0].drop("timestamp").tolist() == [1, 10, 0.5, 1, "330", 0.25, 0]
    assert data.events["coupon"].tolist() == [0, 1, 0, 0]
    # campaign 1 runs since December for product 10; the promotions of week 1 are known on its end, 2017-01-02 05:00
    assert data.items["coupon_campaigns"].to_dict() == {10: 1.0, 20: 0.0, 30: 0.0}
    assert (data.items[["display", "mailer"]] == 0).all(axis=None)
    assert data.changes.astype(object).where(data.changes.notna(), None).values.tolist() == [
        [10, pd.Timestamp("2017-01-02 05:00"), 1.0, 0.0, None],
        [10, pd.Timestamp("2017-01-05 05:00"), None, None, 0.0],  # campaign 1 ended with 2017-01-04
        [20, pd.Timestamp("2017-01-09 05:00"), 0.0, 1.0, None],
        [20, pd.Timestamp("2017-01-10 05:00"), None, None, 1.0],  # campaign 2 began
        [20, pd.Timestamp("2017-01-21 05:00"), None, None, 0.0],
    ]
    assert data.users.index.tolist() == [1, 2] and data.users.loc[2, ["age", "home_ownership"]].tolist() == ["65+", ""]


def test_by_default_nothing_is_added(tmp_path):
    data = complete_journey.load(make_journey(tmp_path))
    assert data.events.columns.tolist() == ["user", "item", "timestamp"]
    assert data.items.columns.tolist() == ["text", "department", "category", "type"]
    assert data.changes is None and data.users is None


def test_a_column_that_there_is_not_is_named(tmp_path):
    with pytest.raises(
        InputError, match="data.columns has 'price': choose from spend, quantity, store, discount, coupon"
    ):
        complete_journey.load(make_journey(tmp_path), columns=["price"])


@pytest.mark.parametrize("name, option", [("promotions", "promotions"), ("coupons", "coupons"),
                                          ("demographics", "demographics")])  # fmt: skip
def test_a_missing_file_is_named(tmp_path, name, option):
    folder = make_journey(tmp_path)
    Path(folder, f"{name}.parquet").unlink()
    with pytest.raises(InputError, match=f"{name}.parquet is not there: data.folder must hold {name}.parquet"):
        complete_journey.load(folder, **{option: True})


@pytest.mark.slow
def test_the_published_promotions_and_coupons():
    """Sizes of the published files: 59,800 products with promotions, 801 households with demographics."""
    data = complete_journey.load(promotions=True, coupons=True, demographics=True)
    assert len(data.users) == 801 and data.users.index.isin(data.events["user"]).all()
    promoted = data.changes["display"].notna()
    listed = data.changes.loc[promoted, "item"].nunique()
    assert 59_000 <= listed <= 59_800  # without those that are neither listed nor bought
    assert (
        data.changes[["display", "mailer"]].max().le(1).all() and data.changes[["display", "mailer"]].min().ge(0).all()
    )
    assert data.changes["timestamp"].is_monotonic_increasing
    assert np.isin(data.changes["coupon_campaigns"].dropna(), range(28)).all()  # there are 27 campaigns
    # each change differs from the one before
    before = data.changes.groupby("item")[["display", "mailer", "coupon_campaigns"]].ffill()
    before = before.groupby(data.changes["item"]).shift().fillna(data.items.loc[data.changes["item"]].reset_index())
    now = data.changes[["display", "mailer", "coupon_campaigns"]]
    assert ((now != before[now.columns]) & now.notna()).any(axis=1).all()
