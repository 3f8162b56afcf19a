"""Tables whose number of rows grows with the stream."""

import numpy as np
import tensorflow as tf


class GrowingTable(tf.keras.layers.Layer):
    """A table of vectors with a capacity that doubles, outside the graph, when its rows run out.

    `call(rows) = table[rows]`. A new capacity is a new variable, which costs one trace of the step; inside a
    capacity nothing is traced. Rows start as `normal(0, stddev)` drawn from (seed, old capacity), so that a
    resumed run grows as the uninterrupted one does.

    Args:
        dim: length of a row.
        stddev: standard deviation of new rows; 0 starts them at zero.
        capacity: rows to begin with.
        dtype: of the table, or a policy; the global policy if not given. Integers (token ids) are never trained.
    """

    def __init__(self, dim: int, stddev=0.05, capacity=1024, seed=0, trainable=True, dtype=None, name=None):
        super().__init__(trainable=trainable, dtype=dtype, name=name)
        self.dim, self.stddev, self.seed = dim, stddev, seed
        self.rows = 0
        self.table = self._variable(self._fresh(0, capacity))

    @property
    def capacity(self) -> int:
        """Rows of the variable."""
        return self.table.shape[0]

    def grow(self, rows: int) -> bool:
        """Makes room for `rows` rows; returns whether the variable was replaced by a larger one."""
        self.rows = max(self.rows, rows)
        capacity = self.capacity
        values = [self.table.numpy()]
        while capacity < rows:
            values.append(self._fresh(capacity, capacity))
            capacity *= 2
        if capacity == self.capacity:
            return False
        self.table = self._variable(np.concatenate(values))
        return True

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

    def _fresh(self, start: int, rows: int) -> np.ndarray:
        dtype = tf.as_dtype(self.variable_dtype).as_numpy_dtype
        if not self.stddev:
            return np.zeros((rows, self.dim), dtype)
        return np.random.default_rng([self.seed, start]).normal(0, self.stddev, (rows, self.dim)).astype(dtype)

    def _variable(self, values: np.ndarray) -> tf.Variable:
        return tf.Variable(values, trainable=self.trainable, name=f"{self.name}/table")
