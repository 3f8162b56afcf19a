import numpy as np
import pytest
import tensorflow as tf

from tfrec.errors import InputError
from tfrec.layers import growing
from tfrec.layers.growing import GrowingTable, copy_rows


def drawn(seed, start, rows, dim):
    """Rows as one draw from (seed, old capacity) gives them."""
    return np.random.default_rng([seed, start]).normal(0, 0.05, (rows, dim)).astype(np.float32)


@pytest.mark.parametrize("block", [1, 7, 2**22])
def test_rows_are_those_of_one_draw_whatever_the_block(monkeypatch, block):
    monkeypatch.setattr(growing, "BLOCK", block)
    table = GrowingTable(3, capacity=5, seed=9)
    table.assign(np.array([1]), np.full((1, 3), 7))
    assert table.grow(11)
    expected = np.concatenate([drawn(9, 0, 5, 3), drawn(9, 5, 5, 3), drawn(9, 10, 10, 3)])
    expected[1] = 7
    np.testing.assert_array_equal(table.table.numpy(), expected)


@pytest.mark.parametrize("dtype", ["int32", "float16", "mixed_bfloat16"])
def test_a_table_of_another_dtype_keeps_its_rows(dtype):
    table = GrowingTable(2, stddev=0, capacity=2, trainable=False, dtype=dtype)
    table.assign(np.array([0, 1]), np.array([[1, 2], [3, 4]]))
    before = table.table.dtype
    table.grow(3)
    assert table.table.dtype == before
    np.testing.assert_array_equal(table.table.numpy(), [[1, 2], [3, 4], [0, 0], [0, 0]])


def test_copied_rows_are_the_first():
    source, target = tf.Variable([[1.0], [2.0]]), tf.Variable([[0.0], [0.0], [3.0]])
    copy_rows(source, target)
    np.testing.assert_array_equal(target, [[1], [2], [3]])


def test_a_table_that_outgrows_memory_is_refused_and_stays_as_it_is(monkeypatch):
    """2,048 rows of 64 numbers of 4 bytes are 524,288."""
    table = GrowingTable(64, capacity=1024, name="item")
    table.grow(1000)
    before = table.table
    monkeypatch.setattr("tfrec.memory.available_memory", lambda: 524_287)
    with pytest.raises(InputError) as error:
        table.grow(1025)
    assert str(error.value) == (
        "The table 'item' of 2,048 rows x 64, beside the 1,024 that it has until they are copied, needs 524 kB, but "
        "524 kB of memory are left: give fewer ids a row (model.item_rows.admission, .expiry or .buckets, and "
        "model.user_rows likewise), lower model.dim, or take a larger machine; each slot of the optimizer takes as "
        "much again."
    )
    assert (table.table is before, table.rows) == (True, 1000)
    monkeypatch.setattr("tfrec.memory.available_memory", lambda: 524_288)
    assert table.grow(1025)


def test_a_table_too_large_to_begin_with_is_refused(monkeypatch):
    monkeypatch.setattr("tfrec.memory.available_memory", lambda: 10**9)
    with pytest.raises(InputError, match="'user' of 10,000,000 rows x 32 needs 1.28 GB, but 1 GB of memory are left"):
        GrowingTable(32, capacity=10_000_000, name="user")


def test_a_device_without_room_gives_the_same_kind_of_sentence(monkeypatch):
    def full(shape, dtype):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(tf, "zeros", full)
    with pytest.raises(InputError, match="which the device does not have: give fewer ids a row"):
        GrowingTable(32, name="user")
