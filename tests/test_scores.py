"""Results of single requests, stored period by period."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tfrec import scores
from tfrec.errors import InputError
from tfrec.scores import Scores


def write(store, t, n=3, scorers=("eval", "baseline/popularity"), queries=False):
    """Period t: n requests; value and user tell which."""
    for number, scorer in enumerate(scorers):
        keys = {"user": np.array([f"u{(t + i) % 7}" for i in range(n)], object)}
        if queries:
            keys["query"] = np.array([f"q{i}" for i in range(n)], object)
        store.add(scorer, keys, {"all/ndcg@10": t + np.arange(n) / 10 + number / 100})
    store.end_of_period(t)


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_one_row_a_period_request_and_scorer(tmp_path):
    """Sorted by period, scorer and request, with the layout that comparisons read."""
    store = Scores(tmp_path)
    for t in (2, 3):
        keys = {"user": np.array([30, 10]), "query": np.array(["", "milk"], object)}
        for scorer, scale in (("eval", 1.0), ("baseline/bm25", 0.5)):
            values = {"all/ndcg@10": scale * np.array([0.25, t]), "novel/ndcg@10": np.array([np.nan, scale])}
            store.add(scorer, keys, values)
        store.end_of_period(t)
    assert files(tmp_path) == ["period-00002.parquet", "period-00003.parquet"]
    store.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]
    table = scores.read(tmp_path)
    assert list(table) == [*scores.FIRST, "all/ndcg@10", "novel/ndcg@10"]
    assert table["period"].tolist() == [2] * 4 + [3] * 4 and table["user"].tolist() == [30, 10] * 4
    assert table["scorer"].tolist() == (["baseline/bm25"] * 2 + ["eval"] * 2) * 2
    assert table["query"].tolist() == ["", "milk"] * 4
    np.testing.assert_array_equal(table["all/ndcg@10"], [0.125, 1, 0.25, 2, 0.125, 1.5, 0.25, 3])
    np.testing.assert_array_equal(table["novel/ndcg@10"], [np.nan, 0.5, np.nan, 1] * 2)
    assert (table["weight"] == 1).all()
    kinds = table.dtypes.astype(str).to_dict()
    assert kinds["period"] == "int32" and kinds["scorer"] == kinds["query"] == "category"
    assert kinds["weight"] == kinds["all/ndcg@10"] == "float32"
    assert pq.ParquetFile(tmp_path / "scores.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_weights_are_kept_and_parts_of_a_period_go_together(tmp_path):
    store = Scores(tmp_path)
    for user, weight in (([1, 2], [3, 1]), ([3], [5])):
        store.add("eval", {"user": np.array(user)}, {"mae": np.ones(len(user))}, weight=np.array(weight))
    store.end_of_period(0)
    store.finish()
    table = scores.read(tmp_path)
    assert table["user"].tolist() == [1, 2, 3] and table["weight"].tolist() == [3, 1, 5]


def test_columns_that_appear_later_are_empty_before(tmp_path):
    """The first query and a metric of a slice come with period 1: null and NaN in period 0."""
    store = Scores(tmp_path)
    store.add("eval", {"user": np.array(["a"], object)}, {"mae": np.array([1.0])})
    store.end_of_period(0)
    keys = {"user": np.array(["b"], object), "query": np.array(["milk"], object)}
    store.add("eval", keys, {"mae": np.array([2.0]), "slice/new/mae": np.array([3.0])})
    store.add("baseline/mean", keys, {"mae": np.array([4.0])})
    store.end_of_period(1)
    store.finish()
    table = scores.read(tmp_path)
    assert list(table) == [*scores.FIRST, "mae", "slice/new/mae"]
    assert table["query"].isna().tolist() == [True, False, False]
    np.testing.assert_array_equal(table["slice/new/mae"], [np.nan, np.nan, 3])  # the baseline has none either
    assert scores.columns(tmp_path) == ["mae", "slice/new/mae"]


def test_arrays_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected length"):
        Scores(tmp_path).add("eval", {"user": np.arange(2)}, {"mae": np.zeros(3)})


def test_a_killed_run_goes_on_to_the_same_table(tmp_path):
    """Killed within period 5 with 4 unfinished on disk, gone on after period 3: as if it had never been killed."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for t in range(8):
        write(Scores(whole), t)
    Scores(whole).finish()
    store = Scores(killed)
    for t in range(6):
        write(store, t, n=3 if t < 5 else 9)
    (killed / "scores" / "period-00006.parquet.draft").write_bytes(b"half of it")
    store = Scores(killed)
    store.resume(3)
    assert files(killed) == [f"period-0000{t}.parquet" for t in range(4)]
    for t in range(4, 8):
        write(store, t)
    store.finish()
    pd.testing.assert_frame_equal(scores.read(killed), scores.read(whole))


def test_a_finished_run_can_go_on(tmp_path):
    for folder, stops in (("once", [9]), ("twice", [4, 6, 9])):
        store, done = Scores(tmp_path / folder), 0
        for stop in stops:
            store.resume(done - 1)
            for t in range(done, stop):
                write(store, t, queries=True)
            store.finish()
            done = stop - 1  # the last period is made again
    pd.testing.assert_frame_equal(scores.read(tmp_path / "twice"), scores.read(tmp_path / "once"))


def test_a_kill_while_taking_apart_or_after_merging_loses_nothing(tmp_path):
    """As long as scores.parquet is there it is complete, whatever is left in scores/."""
    store = Scores(tmp_path)
    for t in range(5):
        write(store, t)
    store.finish()
    expected = scores.read(tmp_path)
    (tmp_path / "scores").mkdir()
    write(store, 2, n=1)  # what a kill in between could leave
    store = Scores(tmp_path)
    store.resume(4)
    assert not (tmp_path / "scores.parquet").exists()
    store.finish()
    pd.testing.assert_frame_equal(scores.read(tmp_path), expected)


def test_starting_again_removes_everything(tmp_path):
    write(Scores(tmp_path), 0)
    Scores(tmp_path).resume(-1)
    assert files(tmp_path) == []
    Scores(tmp_path).finish()  # nothing was scored
    assert files(tmp_path) == []


def test_small_periods_share_row_groups_and_large_ones_stay_whole(tmp_path, monkeypatch):
    """10 rows a group at least: periods of 6 rows go by two, one of 30 is alone; and they come apart again."""
    monkeypatch.setattr(scores, "ROWS", 10)
    store = Scores(tmp_path)
    for t, n in enumerate([3, 3, 15, 3]):
        write(store, t, n)
    store.finish()
    metadata = pq.ParquetFile(tmp_path / "scores.parquet").metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [12, 30, 6]
    expected = scores.read(tmp_path)
    store.resume(3)
    store.finish()
    pd.testing.assert_frame_equal(scores.read(tmp_path), expected)


def test_a_thousand_tiny_periods(tmp_path):
    """More than five digits too: periods are in the order of their numbers, not of their names."""
    store = Scores(tmp_path)
    periods = [*range(1000), 99_999, 100_000]
    for t in periods:
        write(store, t, n=1, scorers=("eval",))
    store.finish()
    table = scores.read(tmp_path)
    assert table["period"].tolist() == periods and table["all/ndcg@10"].tolist() == periods
    assert table["user"].tolist() == [f"u{t % 7}" for t in periods]
    assert pq.ParquetFile(tmp_path / "scores.parquet").num_row_groups == 1


def test_only_wanted_columns_are_read(tmp_path):
    write(Scores(tmp_path), 0)
    Scores(tmp_path).finish()
    assert list(scores.read(tmp_path, [])) == ["period", "user", "scorer", "weight"]


@pytest.mark.parametrize("read", [scores.read, scores.columns])
def test_a_run_without_them_is_named(tmp_path, read):
    with pytest.raises(InputError, match="has no per-user results"):
        read(tmp_path)
