"""Blocks of text are read the same whether at once or row by row."""

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfrec.data.intake.sources import Source

PIECES = ["a", "7", ",", '"', '""', "\n", "\r\n", " ", "|", "é", "\\"]
COLUMNS = {"x": "x", "y": "y"}


def read(path, size, format="csv"):
    """Rows with their lines, and what is wrong, of all pieces together."""
    rows, wrong = [], []
    for piece in Source(format, COLUMNS, size=size).pieces(path):
        values = piece.rows.astype(object).where(piece.rows.notna(), None).values.tolist()
        rows += zip(piece.lines.tolist(), map(tuple, values), strict=True)
        wrong += list(piece.wrong.fillna("").astype(str).itertuples(index=False, name=None))
    return rows, wrong


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("sources") / "file"


@given(text=st.lists(st.sampled_from(PIECES), max_size=25).map("".join), size=st.integers(1, 5))
@example(text='a,"b\n', size=1)
@example(text='a,"b"c\na,b\n', size=5)
@settings(max_examples=300, deadline=None)
def test_any_csv_is_read_the_same_in_blocks_of_any_size(path, text, size):
    path.write_bytes(f"x,y\n{text}".encode())
    assert read(path, size) == read(path, 1000)


values = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=5)


@given(rows=st.lists(st.tuples(values, values), max_size=8), size=st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_a_csv_that_python_writes_is_read_back(path, rows, size):
    """The line of a row is one more than the line ends in front of it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["x", "y"])
    expected = []
    for row in rows:
        expected.append((text.getvalue().count("\n") + 1, row))
        writer.writerow(row)
    path.write_bytes(text.getvalue().encode())
    assert read(path, size) == (expected, [])


@given(
    lines=st.lists(
        st.sampled_from(['{"x": 1, "y": "a"}', '{"y": 2, "x": null}', '{"x": "b"}', "{", "", "[]", '{"x": 1.5}'])
    ),
    size=st.integers(1, 5),
)
@settings(max_examples=100, deadline=None)
def test_any_json_lines_are_read_the_same_in_blocks_of_any_size(path, lines, size):
    path.write_text("\n".join(lines) + "\n")
    assert read(path, size, "jsonl") == read(path, 1000, "jsonl")
