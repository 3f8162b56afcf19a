"""Rows of periods, kept as spans."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.data.spans import Spans

numbers_in_pieces = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=8), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(numbers_in_pieces)
def test_spans_are_the_array_of_numbers(pieces):
    spans, numbers = Spans(), np.concatenate(pieces)
    for piece in pieces:
        spans.append(np.array(piece))
    spans.close()
    for period in range(-1, 8):
        assert spans.of(period).tolist() == np.flatnonzero(numbers == period).tolist()
        assert spans.of(period).dtype == np.int64
    order = np.random.default_rng(0).permutation(len(numbers))
    assert spans.at(order).tolist() == numbers[order].tolist()


def test_memory_is_that_of_the_spans():
    spans = Spans()
    for period in range(10):
        for _ in range(5):  # a period goes on from one piece to the next
            spans.append(np.full(1000, period))
    spans.close()
    assert len(spans._starts) == 10
