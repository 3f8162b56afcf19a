"""The item table as of a moment."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.data.catalogue import Catalogue
from tfrec.data.interactions import Interactions
from tfrec.data.steps.step import Step
from tfrec.data.stream import Stream

START = pd.Timestamp("2024-01-01")
ITEMS = pd.DataFrame({"text": ["a", "b", "c"], "kind": ["x", "y", "x"], "price": [1.0, 2.0, np.nan]}, index=[1, 2, 3])


def make_stream(changes=None, items=ITEMS, days=6):
    """One event of each day, of items 1, 2, 3, 1, ...; `changes` are (day, item, text, kind, price)."""
    events = pd.DataFrame({"user": 1, "item": [1 + day % 3 for day in range(days)]})
    events["timestamp"] = START + pd.to_timedelta(range(days), unit="D")
    if changes is not None:
        changes = pd.DataFrame(changes, columns=["day", "item", "text", "kind", "price"])
        changes["timestamp"] = START + pd.to_timedelta(changes.pop("day"), unit="D")
    return Stream(Interactions(events, items, changes), "1D")  # `validated` would refuse item 4


def walk(catalogue, stream, periods=None):
    """The catalogue at the end of each period."""
    seen = set()
    for t in range(len(stream) if periods is None else periods):
        events = stream.revealed(t)
        new = [item for item in events["item"] if item not in seen]
        seen |= set(new)
        catalogue.observe(t, events, pd.Index(new))
        yield t


values = st.one_of(st.none(), st.sampled_from(["p", "q", "r"]))
change = st.tuples(st.integers(-1, 23), st.integers(1, 4), values, values, st.one_of(st.none(), st.integers(1, 9)))


@settings(max_examples=15, deadline=None)
@given(st.lists(change, max_size=12))
def test_a_row_is_the_last_known_value_of_each_column(changes):
    """Against a loop; a change becomes known with the period in which it happens, item 4 is in no table."""
    changes = sorted(changes, key=lambda row: row[0])
    stream = make_stream([(quarter / 4, *rest) for quarter, *rest in changes])
    catalogue = Catalogue(stream)
    expected = ITEMS.astype(object)
    for t in walk(catalogue, stream):
        touched = set()
        for quarter, item, *cells in changes:
            if (quarter // 4 == t or t == 0 and quarter < 0) and item in ITEMS.index:
                touched.add(item)
                for name, value in zip(["text", "kind", "price"], cells, strict=True):
                    if value is not None:
                        expected.loc[item, name] = value
        pd.testing.assert_frame_equal(catalogue.items.astype(object), expected, check_column_type=False)
        assert set(catalogue.changed) == set(catalogue.touched) == touched
    assert stream.items is ITEMS and ITEMS["text"].tolist() == ["a", "b", "c"]  # the table itself stays as it was


@pytest.mark.parametrize(
    "column, old, new", [("price", [1, 2, 3], 2.5), ("kind", pd.Categorical(["x", "y", "x"]), "new kind")]
)
def test_a_value_that_the_column_s_type_does_not_hold(column, old, new):
    """Whole prices become fractions, and a category that no item had before."""
    rows = {"text": None, "kind": None, "price": None} | {column: new}
    stream = make_stream([(0.5, 2, *rows.values()), (1.5, 1, "t", None, None)], ITEMS.assign(**{column: old}))
    catalogue = Catalogue(stream)
    assert list(walk(catalogue, stream, 2)) == [0, 1]
    assert catalogue.items[column].tolist() == [old[0], new, old[2]]


def test_without_changes_nothing_changes():
    stream = make_stream()
    catalogue = Catalogue(stream)
    for _ in walk(catalogue, stream):
        assert catalogue.items is stream.items and not len(catalogue.changed) and not len(catalogue.touched)


class Shout(Step):
    """Learns nothing; counts the rows that it is given."""

    def __init__(self):
        self.rows = []

    def items(self, items):
        self.rows.append(items.index.tolist())
        return items.assign(text=items["text"].str.upper())


class SoFar(Step):
    """How many events of the past there are, beside each text."""

    def __init__(self):
        self.events_seen, self.items_seen = 0, []

    def items(self, items):
        return items.assign(text=items["text"] + f" {self.events_seen}")

    def fit(self, events, items):
        self.events_seen += len(events)
        self.items_seen += items["text"].tolist()


def test_a_step_that_learns_nothing_is_applied_once_to_each_version_of_a_row():
    shout = Shout()
    stream = make_stream([(1.5, 2, "new", None, None), (2.5, 9, "unknown", None, None)])
    catalogue = Catalogue(stream, [shout])
    assert shout.rows == [[1, 2, 3]]
    shout.rows.clear()
    for t in walk(catalogue, stream):
        assert catalogue.items["text"].tolist() == ["A", "B" if t < 1 else "NEW", "C"]
    # `fit` gives items first seen to the steps that come after; all others would be the whole table again.
    versions = [rows for rows in shout.rows if rows == [2]]
    assert max(map(len, shout.rows)) <= 1 and len(versions) == 2


def test_a_step_that_learns_is_applied_to_all_rows_after_each_period():
    so_far = SoFar()
    stream = make_stream([(1.5, 2, "new", None, None)])
    catalogue = Catalogue(stream, [Shout(), so_far])
    assert catalogue.items["text"].tolist() == ["A 0", "B 0", "C 0"]
    for t in walk(catalogue, stream, 3):
        n = t + 1  # one event a day
        assert catalogue.items["text"].tolist() == [f"A {n}", f"B {n}" if t < 1 else f"NEW {n}", f"C {n}"]
        assert catalogue.touched.tolist() == [1, 2, 3]
        assert catalogue.changed.tolist() == ([2] if t == 1 else [])
    assert so_far.items_seen == ["A", "NEW", "C"]  # as of when they were first seen, after the step before
