"""Batches in stacks, and one stack ahead."""

import threading
import time

import numpy as np
import pytest

from tfrec.feeding import Ahead, stacks


def batches(*rows):
    """Steps of one batch each."""
    return (({"number": np.full(n, i), "wide": np.full((n, 2), i)},) for i, n in enumerate(rows))


def sizes(rows, most):
    return [len(stack["number"]) for (stack,) in stacks(batches(*rows), most)]


def test_stacks_hold_all_batches_in_order():
    found = list(stacks(batches(*[3] * 11), 4))
    assert [stack["wide"].shape for (stack,) in found] == [(1, 3, 2), (2, 3, 2), (4, 3, 2), (4, 3, 2)]
    np.testing.assert_array_equal(np.concatenate([stack["number"][:, 0] for (stack,) in found]), np.arange(11))


def test_the_first_stack_is_one_batch_so_that_the_device_starts_early():
    assert sizes([3] * 9, 64) == [1, 2, 4, 2] and sizes([3] * 4, 1) == [1, 1, 1, 1] and sizes([], 8) == []


def test_batches_of_other_shapes_are_not_stacked_together():
    # 3 | 3 3 | 3 then another shape | 5 5 5 | 3
    assert sizes([3, 3, 3, 3, 5, 5, 5, 3], 64) == [1, 2, 1, 3, 1]


def test_the_next_is_made_while_the_last_is_in_use():
    made = []

    def items():
        for i in range(3):
            made.append((i, threading.current_thread() is threading.main_thread()))
            yield i

    for i in Ahead(items()):
        deadline = time.monotonic() + 5
        while len(made) < min(i + 2, 3) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert len(made) == min(i + 2, 3)  # one ahead, and no more
    assert [number for number, _ in made] == [0, 1, 2] and not any(main for _, main in made)


def test_nothing_is_made_early_for_who_needs_the_last_result():
    made = []
    for i in Ahead((made.append(i) or i for i in range(3)), early=False):
        time.sleep(0.05)
        assert len(made) == i + 1


def test_waiting_is_counted():
    def slow():
        for i in range(3):
            time.sleep(0.05)
            yield i

    ahead = Ahead(slow())
    assert list(ahead) == [0, 1, 2] and ahead.waited >= 0.1


def test_an_error_in_the_thread_reaches_the_user():
    def broken():
        yield 1
        raise IndexError("row 9")

    with pytest.raises(IndexError, match="row 9"):
        list(Ahead(broken()))
