"""Tables whose number of rows grows with the stream."""

import numpy as np
import tensorflow as tf

from tfrec.errors import InputError
from tfrec.memory import in_bytes, require_memory

BLOCK = 2**22  # numbers that are held beside the table while it is filled
INSTEAD = (
    "give fewer ids a row (model.item_rows.admission, .expiry or .buckets, and model.user_rows likewise), lower "
    "model.dim, or take a larger machine; each slot of the optimizer takes as much again"
)


class GrowingTable(tf.keras.layers.Layer):
    """A table of vectors with a capacity that doubles, outside the graph, when its rows run out.

    `call(rows) = table[rows]`. A new capacity is a new variable, which costs one trace of the step; inside a
    capacity nothing is traced. Rows start as `normal(0, stddev)` drawn from (seed, old capacity), so that a
    resumed run grows as the uninterrupted one does. While it grows, a table takes the memory of its old and of its
    new capacity, and no more.

    Args:
        dim: length of a row.
        stddev: standard deviation of new rows; 0 starts them at zero.
        capacity: rows to begin with.
        dtype: of the table, or a policy; the global policy if not given. Integers (token ids) are never trained.

    Raises:
        InputError: there is no memory for the table, when it is made or grows.
    """

    def __init__(self, dim: int, stddev=0.05, capacity=1024, seed=0, trainable=True, dtype=None, name=None):
        super().__init__(trainable=trainable, dtype=dtype, name=name)
        self.dim, self.stddev, self.seed = dim, stddev, seed
        self.rows = 0
        self.table = self._empty(capacity)
        self._start(0, capacity)

    @property
    def capacity(self) -> int:
        """Rows of the variable."""
        return self.table.shape[0]

    def grow(self, rows: int) -> bool:
        """Takes `rows` rows into use; returns whether the variable was replaced by a larger one."""
        replaced = self.reserve(rows)
        self.rows = max(self.rows, rows)
        return replaced

    def reserve(self, rows: int) -> bool:
        """Makes room for `rows` rows, of which none is in use yet; returns whether the variable was replaced."""
        capacity = self.capacity
        while capacity < rows:
            capacity *= 2
        replaced = capacity > self.capacity
        if replaced:
            self._replace(capacity)
        return replaced

    def assign(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Sets the rows `[n]` to `values` `[n, dim]`."""
        if len(rows):
            self.table.scatter_update(tf.IndexedSlices(tf.cast(values, self.table.dtype), tf.cast(rows, tf.int32)))

    def check(self, name: str, rows: np.ndarray, lowest: int = 0) -> None:
        """Raises IndexError if one of `rows` is below `lowest` or not in use: under XLA it would give a number."""
        if len(rows) and not lowest <= rows.min() <= rows.max() < self.rows:
            raise IndexError(f"'{name}' has rows {rows.min()} to {rows.max()}, but its table has {self.rows} rows.")

    def call(self, rows):
        """Vectors `[..., dim]` of `rows` `[...]`; a row out of range is a wrong number under XLA: check before."""
        return tf.cast(tf.gather(self.table, rows), self.compute_dtype)

    def _replace(self, capacity: int) -> None:
        old, start = self.table, self.capacity
        self.table = self._empty(capacity, f", beside the {start:,} that it has until they are copied,")
        copy_rows(old, self.table)
        while start < capacity:
            self._start(start, start)
            start *= 2

    def _start(self, first: int, rows: int) -> None:
        """Draws `rows` rows from row `first` on, block by block: the numbers are those of one draw."""
        if not self.stddev:
            return
        rng, dtype = np.random.default_rng([self.seed, first]), self.table.dtype.as_numpy_dtype
        for start, stop in _blocks(first, first + rows, self.dim):
            _set_rows(self.table, start, rng.normal(0, self.stddev, (stop - start, self.dim)).astype(dtype))

    def _empty(self, capacity: int, beside: str = "") -> tf.Variable:
        """A variable of zeros, if there is room for it."""
        dtype = tf.as_dtype(self.variable_dtype)
        needed = capacity * self.dim * dtype.size
        what = f"The table '{self.name}' of {capacity:,} rows x {self.dim}{beside}"
        if not tf.config.list_logical_devices("GPU"):
            require_memory(needed, what, INSTEAD)
        try:
            zeros = tf.zeros((capacity, self.dim), dtype)
            return tf.Variable(zeros, trainable=self.trainable, name=f"{self.name}/table")
        except tf.errors.ResourceExhaustedError as error:
            raise InputError(f"{what} needs {in_bytes(needed)}, which the device does not have: {INSTEAD}.") from error


def copy_rows(source: tf.Variable, target: tf.Variable) -> None:
    """Sets the first rows of `target` to those of `source`, block by block, so that no third table is held."""
    for start, stop in _blocks(0, source.shape[0], source.shape[1]):
        _set_rows(target, start, tf.gather(source, tf.range(start, stop)))


def _set_rows(variable: tf.Variable, start: int, values) -> None:
    # variable[start:stop].assign(...) reads the variable first: a copy of all of it, once rows of it were set.
    # scatter_update goes row by row, and on a GPU, where runs repeat bit for bit, through the host's memory.
    place = {"begin": [start], "end": [start + len(values)], "strides": [1]}
    for copy in getattr(variable, "values", [variable]):  # one for each replica, where there are several
        tf.raw_ops.ResourceStridedSliceAssign(ref=copy.handle, value=values, **place)


def _blocks(start: int, stop: int, dim: int) -> list[tuple[int, int]]:
    rows = max(1, BLOCK // dim)
    return [(first, min(first + rows, stop)) for first in range(start, stop, rows)]
