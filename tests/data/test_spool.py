"""Arrays that wait on disk."""

import numpy as np
import pytest

from tfrec.data.spool import Spool

ARRAYS = [
    {"a": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.array([0.5, np.nan], np.float32)},
    {"a": np.zeros((0, 3), np.int32), "b": np.zeros(0, np.float32)},
    {"flag": np.array([True, False]), "text": np.array(["tea", "caf\u00e9", ""])},
    {"turned": np.arange(6).reshape(2, 3).T, "every_other": np.arange(9)[::2], "big": np.arange(3) + 2**40},
    {},
]


def assert_equal(one, two):
    assert one.keys() == two.keys()
    for key, values in one.items():
        assert (two[key].dtype, two[key].shape) == (values.dtype, values.shape)
        np.testing.assert_array_equal(two[key], values)


def test_what_is_read_is_what_was_written_in_any_order():
    spool = Spool()
    for number, arrays in enumerate(ARRAYS):
        spool.append(arrays)
        assert len(spool) == number + 1
        assert_equal(ARRAYS[0], spool[0])  # a read between two writes does not move where the next one goes
    for number in (3, 0, 4, 2, 1, 3):
        assert_equal(ARRAYS[number], spool[number])


def test_what_is_read_is_a_copy():
    spool = Spool()
    spool.append({"a": np.arange(3)})
    spool[0]["a"][:] = 7
    assert spool[0]["a"].tolist() == [0, 1, 2]


def test_raw_ids_come_back_as_text():
    spool = Spool()
    spool.append({"id": np.array(["user 1", "user 20"], object), "none": np.array([], object)})
    assert spool[0]["id"].tolist() == ["user 1", "user 20"] and len(spool[0]["none"]) == 0


def test_a_place_that_was_not_written_is_an_error():
    with pytest.raises(IndexError):
        Spool()[0]
