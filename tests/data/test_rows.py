"""Which id has which row, against dictionaries and loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec.data.rows import Rows
from tfrec.errors import InputError


class ByHand:
    """The same rules, one id after the other."""

    def __init__(self, admission, expiry, buckets):
        self.admission, self.expiry = admission, expiry
        self.size = max(buckets, 0 if admission == 1 and expiry is None else 1)
        self.own, self.count, self.seen, self.free, self.most = {}, {}, {}, [], 0

    def observe(self, period, numbers):
        for number in numbers:
            self.count[number] = self.count.get(number, 0) + 1
            self.seen[number] = period
        for number in sorted(self.own):
            if self.expiry is not None and period - self.seen[number] >= self.expiry:
                self.free.append(self.own.pop(number))
                self.count[number] = 0
        reused = []
        for number in sorted(self.count):
            if number not in self.own and self.admission is not None and self.count[number] >= self.admission:
                if self.free:
                    self.own[number] = self.free.pop(0)  # the one that has been free for longest
                    reused.append(self.own[number])
                else:
                    self.own[number], self.size = self.size, self.size + 1
        self.most = max(self.most, len(self.own))
        return reused


periods = st.lists(st.lists(st.integers(0, 9), max_size=8), min_size=1, max_size=14)


def numbered(periods):
    """Ids as a vocabulary numbers them, by first appearance, and how many are known after each period."""
    number = {}
    rows = [[number.setdefault(raw, len(number)) for raw in ids] for ids in periods]
    return rows, np.cumsum([0] + [len(set(ids) - set(sum(periods[:t], []))) for t, ids in enumerate(periods)])[1:]


@settings(max_examples=300, deadline=None)
@given(periods, st.sampled_from([1, 2, 3, None]), st.sampled_from([None, 1, 2, 4]), st.integers(0, 3))
def test_rows_are_given_and_taken_as_by_hand(periods, admission, expiry, buckets):
    rows, by_hand = Rows(admission, expiry, buckets), ByHand(admission, expiry, buckets)
    shared = rows.buckets
    for period, (numbers, total) in enumerate(zip(*numbered(periods), strict=True)):
        before = dict(by_hand.own)
        reused = rows.observe(np.array(numbers, np.int32), int(total))
        assert reused.tolist() == by_hand.observe(period, numbers)
        found = rows(np.arange(total)).tolist()
        assert {n: found[n] for n in range(total) if rows.own[n]} == by_hand.own
        assert len(set(by_hand.own.values())) == len(by_hand.own)  # never shared by two
        assert all(row >= shared for row in by_hand.own.values())
        assert all(0 <= found[n] < shared for n in range(total) if n not in by_hand.own)
        assert rows.size == by_hand.size == shared + by_hand.most  # never more than were admitted at once
        lost = [n for n in before if before[n] != by_hand.own.get(n)]
        got = [n for n in by_hand.own if before.get(n) != by_hand.own[n]]
        assert rows.admitted_after(period - 1).tolist() == sorted(got)
        known, new = int(total), len(set(numbers) - set(sum(numbered(periods)[0][:period], [])))
        counts = {"known": known, "new": new, "rows": len(by_hand.own), "admitted": len(got), "expired": len(lost)}
        assert rows.counts() == counts


def test_an_id_gets_a_row_when_it_was_seen_often_enough_over_all_periods():
    rows = Rows(admission=3)
    own = []
    for numbers in ([0], [0, 1], [], [0, 1, 1]):
        rows.observe(np.array(numbers, int), 2 if own else 1)
        own.append(rows.own.tolist())
    assert own == [[False], [False, False], [False, False], [True, True]]
    assert rows(np.array([1, 0, 1])).tolist() == [2, 1, 2]  # row 0 is the bucket


def test_a_row_expires_after_so_many_periods_without_an_event_and_must_be_earned_anew():
    """Seen in periods 0 and 1; with expiry 2 it has its row in period 2 and loses it in period 3."""
    rows = Rows(admission=2, expiry=2)
    own = []
    for numbers in ([0, 0], [0], [], [], [0], [0]):
        rows.observe(np.array(numbers, int), 1)
        own.append(bool(rows.own[0]))
    assert own == [True, True, True, False, False, True]
    assert rows(np.array([0])).tolist() == [1] and rows.size == 2


def test_every_id_keeps_the_row_of_its_number_without_rules():
    rows = Rows()
    rows.observe(np.array([0, 1, 1]), 2)
    rows.observe(np.array([2]), 3)
    assert rows.identity and rows.size == 3 and rows.row.tolist() == [0, 1, 2]
    numbers = np.array([[2, 0], [1, 1]])
    assert rows(numbers) is numbers


def test_buckets_are_filled_evenly_and_do_not_change():
    """10,000 ids in 16 buckets: 625 each, binomial sd 24; neighbours do not share one."""
    rows = Rows(admission=None, buckets=16)
    rows.observe(np.zeros(0, int), 10_000)
    first = rows(np.arange(10_000)).copy()
    counts = np.bincount(first, minlength=16)
    assert len(counts) == 16 and np.abs(counts - 625).max() < 5 * 24
    assert (first[1:] == first[:-1]).mean() < 0.1
    rows.observe(np.repeat(np.arange(100), 50), 12_000)
    np.testing.assert_array_equal(rows(np.arange(10_000)), first)
    assert rows.size == 16 and not rows.own.any()


@pytest.mark.parametrize("options", [{"admission": 0}, {"expiry": 0}, {"buckets": -1}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(InputError, match="choose"):
        Rows(**options)
