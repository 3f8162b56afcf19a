"""What a user's own files say to be known at a time does not depend on what they say of later."""

import numpy as np
import pandas as pd
import pytest

from tfrec.data import files

START, T = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-08")
OPTIONS = {"text": ["brand", "title"], "types": {"price": "number", "age": "number", "user": "text", "item": "text"}}


def write(folder):
    """300 events of two weeks out of order, 12 items with versions before, in and behind the first week, and users."""
    rng = np.random.default_rng(0)
    items = [f"{n}" for n in rng.integers(0, 12, 300)]
    hours = pd.to_timedelta(rng.integers(0, 14 * 24, 300), "h")
    log = {"user": rng.integers(0, 9, 300), "item": items, "timestamp": START + hours, "click": rng.random(300) < 0.5}
    log["known"] = log["timestamp"] + pd.to_timedelta(rng.integers(0, 48, 300), "h")
    days = pd.to_timedelta(np.repeat([-3, 2, 5, 9, 12], 12), "D")
    table = pd.DataFrame({"item": np.tile(np.arange(12), 5), "timestamp": START + days})
    table["title"] = [f"title {n}" if n % 3 else "" for n in range(60)]
    table["brand"], table["price"] = rng.choice(["Leaf", "Mill", ""], 60), rng.integers(1, 99, 60) / 4
    table.loc[rng.random(60) < 0.3, "price"] = None
    users = pd.DataFrame({"user": range(9), "age": rng.integers(20, 60, 9), "country": rng.choice(["DE", "JP"], 9)})
    save(folder, pd.DataFrame(log), table, users)
    return folder


def save(folder, events, items, users):
    folder.mkdir(exist_ok=True)
    for name, table in {"events": events, "items": items, "users": users}.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def cut_off(rows):
    return rows[:0]


def another(rows):
    """The same times; other users, items, labels, texts and numbers, some of other kinds (an id that is no number)."""
    rng = np.random.default_rng(1)
    columns = rows.columns.drop(["timestamp", "known"], errors="ignore")
    rows = rows.assign(**{name: rows[name].to_numpy()[rng.permutation(len(rows))] for name in columns})
    if "user" in rows:
        rows.iloc[0, rows.columns.get_loc("user")] = "new"
    return rows


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("whole"))
    return folder, load(folder)


def load(folder):
    paths = {name: str(folder / f"{name}.csv") for name in ("events", "items", "users")}
    return files.load(**paths, folder=str(folder / "kept"), buffer_rows=50, **OPTIONS)


@pytest.fixture(scope="module", params=[cut_off, another])
def other(request, whole, tmp_path_factory):
    """The files again, with another future from T on; of users nothing changes, as they are static."""
    folder = tmp_path_factory.mktemp("other")
    events, items, users = (pd.read_csv(whole[0] / f"{n}.csv", dtype=str) for n in ("events", "items", "users"))
    changed = []
    for table in (events, items):
        future = pd.to_datetime(table["timestamp"]) >= T
        changed.append(pd.concat([table[~future], request.param(table[future])]).sort_index(kind="stable"))
    save(folder, *changed, users)
    return load(folder)


def content(table):
    """Everything of a table, as bytes where it is numbers."""
    arrays = {name: np.asarray(values) for name, values in {"index": table.index, **dict(table.items())}.items()}
    return {n: (str(a.dtype), a.tolist() if a.dtype.kind in "OUT" else a.tobytes()) for n, a in arrays.items()}


def split(data):
    """Events and changes before T, and those from T on."""
    events = data.events.rows(0, len(data.events))
    parts = [(table[table["timestamp"] < T], table[table["timestamp"] >= T]) for table in (events, data.changes)]
    return [past for past, _ in parts], [future for _, future in parts]


def test_the_futures_differ(whole, other):
    """Otherwise the tests below would show nothing; and both weeks have events and changes."""
    for one, two in zip(split(whole[1])[1], split(other)[1], strict=True):
        assert len(one) > 10 and content(one) != content(two)
    assert all(len(past) > 10 for past in split(whole[1])[0])


def test_events_and_changes_before_t(whole, other):
    for one, two in zip(split(whole[1])[0], split(other)[0], strict=True):
        assert content(one) == content(two)


def test_items_at_the_start_and_users(whole, other):
    assert content(whole[1].items) == content(other.items)
    assert content(whole[1].users) == content(other.users)
