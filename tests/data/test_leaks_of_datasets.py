"""What a dataset says to be known at a time does not depend on what its files say of later.

The published files, reduced, are rewritten with another future: cut off, or permuted. Whatever is known at t (events
before t, items as they are at t, users) must be equal byte for byte.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from tests.data.journey import COLUMNS
from tests.published import fetched
from tfrec.build import build
from tfrec.data import complete_journey
from tfrec.folders import conf_folder


@dataclasses.dataclass(frozen=True)
class Case:
    """A dataset's files as tables, how they are written, a time, and how to give them another future."""

    read: Callable
    write: Callable
    t: str
    change: Callable  # tables, t, function from future rows to other future rows -> tables
    options: dict = dataclasses.field(default_factory=dict)


def read_journey():
    """Forty households and two stores' promotions, of the first half of the year."""
    root = complete_journey._package_folder()
    tables = {name: pd.read_parquet(root / f"{name}.parquet") for name in ("products", "coupons", "demographics")}
    tables["campaign_descriptions"] = pd.read_parquet(root / "campaign_descriptions.parquet")
    filters = [("household_id", "<=", 40), ("week", "<=", 26)]
    tables["transactions"] = pd.read_parquet(root / "transactions.parquet", filters=filters)
    stores = [("store_id", "in", [316, 337]), ("week", "<=", 26)]
    tables["promotions"] = pd.read_parquet(root / "promotions.parquet", filters=stores)
    return tables


def change_journey(tables, t, other):
    """Week 18 is over on Monday 2017-05-01, 00:00 in New York. A campaign's end is not known before it ends."""
    tables = dict(tables)
    tables["transactions"] = changed(
        tables["transactions"], tables["transactions"]["transaction_timestamp"] >= t, other
    )
    tables["promotions"] = changed(tables["promotions"], tables["promotions"]["week"] > 18, other)
    campaigns = tables["campaign_descriptions"]
    later = campaigns["campaign_id"][campaigns["start_date"] > t]
    tables["coupons"] = changed(tables["coupons"], tables["coupons"]["campaign_id"].isin(later), other)
    end = campaigns["end_date"] + pd.to_timedelta(3 * (campaigns["end_date"] > t), unit="D")
    tables["campaign_descriptions"] = campaigns.assign(end_date=end)
    return tables


def write_journey(tables, folder):
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")


def read_movielens():
    root = Path(fetched("movielens_100k"))
    files = {path.name: pd.read_csv(path, sep="\t", dtype=str, quoting=3) for path in root.glob("ml-100k.*")}
    log = files["ml-100k.inter"]
    return {**files, "ml-100k.inter": log[log["user_id:token"].astype(int) <= 200]}


def change_movielens(tables, t, other):
    log = tables["ml-100k.inter"]
    future = pd.to_datetime(log["timestamp:float"].astype(int), unit="s") >= t
    return {**tables, "ml-100k.inter": changed(log, future, other, keep=["timestamp:float"])}


def write_movielens(tables, folder):
    for name, table in tables.items():
        table.to_csv(folder / name, sep="\t", index=False, quoting=3)


def read_open_bandit():
    root = Path(fetched("open_bandit"), "random/all")
    return {name: pd.read_csv(root / name, index_col=0, dtype=str) for name in ("all.csv", "item_context.csv")}


def change_open_bandit(tables, t, other):
    log = tables["all.csv"]
    future = pd.to_datetime(log["timestamp"], format="ISO8601").dt.tz_localize(None) >= t
    return {**tables, "all.csv": changed(log, future, other)}


def write_open_bandit(tables, folder):
    (folder / "random/all").mkdir(parents=True)
    for name, table in tables.items():
        table.to_csv(folder / "random/all" / name)


JOURNEY = {"columns": COLUMNS, "promotions": True, "coupons": True, "demographics": True}
CASES = {
    "complete_journey": Case(read_journey, write_journey, "2017-05-01 04:00", change_journey, JOURNEY),
    "movielens_100k": Case(read_movielens, write_movielens, "1998-01-01", change_movielens),
    "open_bandit": Case(read_open_bandit, write_open_bandit, "2019-11-28", change_open_bandit),
}


def changed(table, future, other, keep=("transaction_timestamp", "timestamp", "week")):
    """The table with other rows where `future` holds; the columns `keep` stay, so that rows stay where they are."""
    past, later = table[~future], table[future]
    rows = other(later)
    rows = rows.assign(**{name: later.loc[rows.index, name] for name in keep if name in later})
    return pd.concat([past, rows]).sort_index(kind="stable")


def none(rows):
    return rows[:0]


def permuted(rows):
    """Every column for itself, in another order."""
    rng = np.random.default_rng(1)
    return rows.assign(**{name: rows[name].to_numpy()[rng.permutation(len(rows))] for name in rows})


def load(name, folder):
    node = OmegaConf.to_container(OmegaConf.load(conf_folder() / "data" / f"{name}.yaml"))
    return build({**node, "folder": str(folder), **CASES[name].options}, "data")


@pytest.fixture(scope="module", params=CASES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def tables(name):
    return CASES[name].read()


@pytest.fixture(scope="module")
def whole(name, tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp(name)
    CASES[name].write(tables, folder)
    return load(name, folder)


@pytest.fixture(scope="module", params=[none, permuted], ids=["cut_off", "permuted"])
def other(request, name, tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp(name)
    CASES[name].write(CASES[name].change(tables, pd.Timestamp(CASES[name].t), request.param), folder)
    return load(name, folder)


def items_at(data, t):
    """The item table with every cell that changed up to t, the newest last."""
    items = data.items.copy()
    if data.changes is not None:
        for column in data.changes.columns.drop(["item", "timestamp"]):
            known = data.changes[(data.changes["timestamp"] <= t) & data.changes[column].notna()]
            newest = known.groupby("item")[column].last()
            items.loc[newest.index, column] = newest
    return items


def content(table):
    """Everything of a table, as bytes where it is numbers."""
    columns = {"index": table.index, **dict(table.items())}
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    return {n: (str(a.dtype), a.tolist() if a.dtype.kind in "OUT" else a.tobytes()) for n, a in arrays.items()}


def test_every_dataset_that_can_be_fetched_is_tested():
    """An option whose folder may be left out reads published files: it needs a case above."""
    options = {path.stem: OmegaConf.load(path) for path in (conf_folder() / "data").glob("*.yaml")}
    published = {name for name, option in options.items() if option.get("folder", "") is None and name != "files"}
    assert published == set(CASES)


def test_the_futures_differ(name, whole, other):
    """Otherwise the tests below would show nothing; and half of the log or more is in the past."""
    t = pd.Timestamp(CASES[name].t)
    past, futures = whole.events["timestamp"] < t, [d.events[d.events["timestamp"] >= t] for d in (whole, other)]
    assert past.mean() > 0.4
    assert content(futures[0]) != content(futures[1])
    if whole.changes is not None:
        changes = [d.changes[d.changes["timestamp"] > t] for d in (whole, other)]
        assert len(changes[0]) and content(changes[0]) != content(changes[1])
        assert whole.changes["timestamp"].between(whole.events["timestamp"].min(), t).any()


def test_events_before_t(name, whole, other):
    t = pd.Timestamp(CASES[name].t)
    assert content(whole.events[whole.events["timestamp"] < t]) == content(other.events[other.events["timestamp"] < t])


def test_items_at_t(name, whole, other):
    """Of items that both files know: one that is not listed is known from its purchases alone."""
    t = pd.Timestamp(CASES[name].t)
    both = whole.items.index.intersection(other.items.index, sort=False)
    assert whole.events.loc[whole.events["timestamp"] < t, "item"].isin(both).all()
    assert content(whole.items.loc[both]) == content(other.items.loc[both])
    assert content(items_at(whole, t).loc[both]) == content(items_at(other, t).loc[both])


def test_changes_up_to_t(name, whole, other):
    if whole.changes is None:
        assert other.changes is None
        return
    t, both = pd.Timestamp(CASES[name].t), whole.items.index.intersection(other.items.index)
    known = [d.changes[(d.changes["timestamp"] <= t) & d.changes["item"].isin(both)] for d in (whole, other)]
    assert len(known[0]) > 0
    assert content(known[0].reset_index(drop=True)) == content(known[1].reset_index(drop=True))


def test_users(whole, other):
    assert (whole.users is None) == (other.users is None)
    assert whole.users is None or content(whole.users) == content(other.users)
