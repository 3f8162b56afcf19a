"""The rules for rows, on tables in memory: every value that breaks one is found, no other."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.data import schema
from tfrec.data.schema import ADVICE, event_schema, table_violations, version_schema, violations
from tfrec.data.violations import Violations

START = pd.Timestamp("2024-01-01")


def events(rows=4, **columns):
    return pd.DataFrame({"user": 1, "item": 2, "timestamp": [START] * rows}).assign(**columns)


def found(table, items=None):
    """(row, column, kind) of each violation."""
    wrong = violations(table, event_schema(table, items))
    return list(wrong[["row", "column", "kind"]].itertuples(index=False, name=None))


# A finite number breaks the rule of its column exactly if the expression is false.
RULES = {
    "click": (schema.NO_LABEL, lambda x: x in (0, 1)),
    "purchase": (schema.NO_LABEL, lambda x: x in (0, 1)),
    "spend": (schema.NEGATIVE, lambda x: x >= 0),
    "quantity": (schema.NEGATIVE, lambda x: x >= 0),
    "position": (schema.NO_POSITION, lambda x: x >= 1 and x == int(x)),
    "propensity": (schema.NO_PROBABILITY, lambda x: 0 < x <= 1),
    "rating": (None, lambda x: True),
    "price": (None, lambda x: True),
}


@pytest.mark.parametrize("column", RULES)
@given(values=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, np.nan, np.inf, -np.inf]), min_size=1))
@settings(max_examples=30, deadline=None)
def test_each_number_is_judged_by_itself(column, values):
    kind, holds = RULES[column]
    expected = []
    for row, value in enumerate(values):
        if np.isnan(value):
            expected.append((row, column, schema.MISSING))
        elif np.isinf(value):
            expected.append((row, column, schema.INFINITE))
        elif not holds(value):
            expected.append((row, column, kind))
    assert found(events(len(values), **{column: values})) == expected


@pytest.mark.parametrize(
    "time, good",
    [
        ("1979-12-31 23:59:59.999999", False),
        ("1980-01-01", True),
        ("2099-12-31 23:59:59.999999", True),
        ("2100-01-01", False),
        (None, None),
    ],
)
def test_times_are_from_1980_to_2100(time, good):
    kind = {True: [], False: [(1, "timestamp", schema.NOT_NOW)], None: [(1, "timestamp", schema.MISSING)]}[good]
    assert found(events(3, timestamp=pd.to_datetime([START, time, START]))) == kind


def test_a_label_becomes_known_at_the_event_or_later():
    known = START + pd.to_timedelta([0, 1, -1, 5], "s")
    assert found(events(known=known)) == [(2, "known", schema.EARLY_KNOWN)]


def test_several_faults_of_a_row_come_by_column():
    table = events(item=[2, 3, 2, 4], spend=[1.0, -1.0, 1.0, np.nan], click=[0, 7, 1, 1])
    assert found(table, pd.Index([2])) == [
        (1, "item", schema.UNKNOWN_ITEM),
        (1, "spend", schema.NEGATIVE),
        (1, "click", schema.NO_LABEL),
        (3, "item", schema.UNKNOWN_ITEM),
        (3, "spend", schema.MISSING),
    ]


def test_rows_are_positions_whatever_the_index():
    assert found(events(spend=[1, 1, -1, 1]).set_axis([7, 7, 8, 8])) == [(2, "spend", schema.NEGATIVE)]


@pytest.mark.parametrize(
    "column, values, wanted",
    [
        ("timestamp", ["2024-01-01"] * 4, "a date and time"),
        ("known", [5] * 4, "a date and time"),
        ("click", ["1"] * 4, "a number"),
        ("query", [1] * 4, "text"),
        ("query", [["tea"]] * 4, "text"),
    ],
)
def test_a_column_of_another_type_is_one_violation(column, values, wanted):
    ((row, name, kind),) = found(events(**{column: values}))
    assert (row, name) == (-1, column) and kind.startswith("has type ") and kind.endswith(f", not {wanted}")


def test_text_of_a_context_column_may_be_missing_but_not_a_query():
    table = events(query=["tea", None, "", "milk"], store=["a", None, "b", ""])
    assert found(table) == [(1, "query", schema.MISSING)]


def test_item_tables_need_texts_finite_numbers_and_each_id_once():
    items = pd.DataFrame(
        {"text": ["tea", None, "", "jam"], "brand": ["a", "", None, "d"], "price": [1, np.nan, np.inf, 2]},
        index=[10, 11, 12, 10],
    )
    wrong = table_violations(items, "item")[["row", "column", "kind"]]
    assert sorted(wrong.itertuples(index=False, name=None)) == [
        (10, "item", schema.REPEATED_ID),
        (11, "text", schema.NO_TEXT),
        (12, "brand", schema.NO_TEXT),
        (12, "price", schema.INFINITE),
    ]


def test_versions_may_leave_values_out_but_not_item_and_time():
    changes = pd.DataFrame(
        {
            "item": [1, 2, 9],
            "timestamp": [START, pd.NaT, START],
            "text": [None, "b", None],
            "price": [1.0, np.nan, np.inf],
        }
    )
    wrong = violations(changes, version_schema(changes, pd.Index([1, 2])))
    assert list(wrong[["row", "column"]].itertuples(index=False, name=None)) == [
        (1, "timestamp"),
        (2, "item"),
        (2, "price"),
    ]


def test_a_report_holds_the_first_violations_and_counts_all():
    """100 rows are wrong, in two tables of 50: the first 3 are named."""
    report = Violations(limit=3)
    for name in ("a.csv", "b.csv"):
        table = events(50, spend=[-1.0] * 50)
        report.add(violations(table, event_schema(table, None)), name, unit="line")
    assert len(report) == 100 and report.counts == {("spend", schema.NEGATIVE): 100}
    lines = str(report.error("The end.")).splitlines()
    assert lines[0].startswith("a.csv, line 0, column 'spend' (-1.0) is negative (100 such rows): write 0 or more")
    assert lines[1:] == [
        "Row by row (the first 3 of 100):",
        *[f"  a.csv, line {row}, column 'spend' (-1.0) is negative" for row in range(3)],
        "The end.",
    ]


def test_every_kind_has_advice():
    """Kinds are the module's sentences in capitals."""
    kinds = {value for name, value in vars(schema).items() if name.isupper() and isinstance(value, str)}
    assert kinds == set(ADVICE)
