"""A log on disk gives the rows that were written, and holds few of them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.data import log as log_module
from tfrec.data.log import EventLog
from tfrec.errors import InputError


def make_events(rows):
    """Events with ties in time, an optional column of each kind, and times finer than a microsecond."""
    rng = np.random.default_rng(rows)
    return pd.DataFrame(
        {
            "user": rng.integers(0, 9, rows),
            "item": [f"item {i}" for i in rng.integers(0, 9, rows)],
            "timestamp": pd.Timestamp("2024-01-01 00:00:00.000000001") + pd.to_timedelta(np.arange(rows) // 3, "ns"),
            "spend": rng.random(rows),
        }
    )


@pytest.fixture
def small_groups(monkeypatch):
    """Row groups of 10 rows, so that a small log has many."""
    monkeypatch.setattr(log_module, "ROW_GROUP", 10)


@pytest.fixture
def events():
    return make_events(95)


@pytest.fixture
def written(tmp_path, events, small_groups):
    return EventLog.write(tmp_path / "events.parquet", [events])


def test_a_log_is_what_was_written(written, events):
    assert len(written) == 95 and written.columns == ["user", "item", "timestamp", "spend"]
    pd.testing.assert_frame_equal(written.rows(0, 95), events)
    pd.testing.assert_frame_equal(EventLog(written.path).rows(0, 95), events)


@given(start=st.integers(-3, 100), stop=st.integers(-3, 100))
@settings(max_examples=60, deadline=None)
def test_rows_are_a_slice_with_their_numbers(tmp_path_factory, start, stop):
    folder = tmp_path_factory.mktemp("log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_module, "ROW_GROUP", 10)
        written = EventLog.write(folder / "events.parquet", [make_events(95)])
    expected = make_events(95).iloc[max(start, 0) : max(stop, 0)]
    pd.testing.assert_frame_equal(written.rows(start, stop), expected, check_index_type=False)


@pytest.mark.parametrize("size", [1, 7, 10, 25, 95, 1000])
def test_pieces_are_the_log_in_order(written, events, size):
    pieces = list(written.pieces(size))
    assert [len(piece) for piece in pieces] == [min(size, 95 - start) for start in range(0, 95, size)]
    pd.testing.assert_frame_equal(pd.concat(pieces), events)


@pytest.mark.parametrize("cuts", [[], [1], [3, 50], list(range(1, 95)), [9, 10, 11]])
def test_the_size_of_the_pieces_that_are_written_does_not_matter(tmp_path, small_groups, events, cuts):
    pieces = [events.iloc[a:b] for a, b in zip([0, *cuts], [*cuts, 95], strict=True)]
    written = EventLog.write(tmp_path / "events.parquet", pieces)
    pd.testing.assert_frame_equal(written.rows(0, 95), events)
    assert len(written._edges) == 11  # 95 rows are 9 groups of 10 and one of 5


def test_only_the_groups_that_are_needed_are_read_and_few_are_kept(written, monkeypatch):
    """Rows 15 to 34 are in groups 1 to 3 of ten rows; asked again from 20, groups 2 and 3 are still there."""
    read, file = [], written._file

    class Spy:
        schema_arrow = file.schema_arrow

        def read_row_group(self, group):
            read.append(group)
            return file.read_row_group(group)

    monkeypatch.setattr(written, "_file", Spy())
    written.rows(15, 35)
    assert read == [1, 2, 3]
    written.rows(20, 35)
    assert read == [1, 2, 3] and len(written._groups) == log_module.KEPT == 2
    written.rows(15, 16)
    assert read == [1, 2, 3, 1]
    list(written.pieces(4))
    assert len(written._groups) == 2


def test_what_a_caller_changes_stays_with_the_caller(written, events):
    piece = written.rows(0, 5)
    piece.loc[:, "spend"] = -1.0
    pd.testing.assert_frame_equal(written.rows(0, 5), events[:5])


def test_a_log_out_of_order_is_refused_and_leaves_no_file(tmp_path, small_groups, events):
    for pieces in ([events[::-1]], [events[20:], events[:20]]):
        with pytest.raises(InputError, match="not in time order: sort them by timestamp"):
            EventLog.write(tmp_path / "events.parquet", pieces)
    with pytest.raises(InputError, match="no events to write"):
        EventLog.write(tmp_path / "events.parquet", [])
    assert not (tmp_path / "events.parquet").exists()


def test_a_file_that_is_no_log_is_named(tmp_path, events):
    (tmp_path / "text.parquet").write_text("not a table")
    for name in ("text.parquet", "missing.parquet"):
        with pytest.raises(InputError, match=f"{name} cannot be read as an event log"):
            EventLog(tmp_path / name)


def test_a_file_with_large_row_groups_is_refused(tmp_path, events, monkeypatch):
    events.to_parquet(tmp_path / "large.parquet")
    monkeypatch.setattr(log_module, "ROW_GROUP", 10)
    with pytest.raises(InputError, match="large.parquet has a row group of 95 rows: write it with EventLog.write"):
        EventLog(tmp_path / "large.parquet")
