"""Adagrad whose step costs the same in a large table as in a small one."""

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfrec")
class Adagrad(tf.keras.optimizers.Adagrad):
    """tf_keras's Adagrad, bit for bit, with the rows of a table read before they are written.

    For the rows `i` of the batch, each once, and `g` the sum of a row's gradients, `a[i] += g^2` and
    `w[i] -= rate g / sqrt(a[i] + epsilon)` (Duchi et al., JMLR 2011); other rows stay as they are. tf_keras adds to the
    accumulator in place first, one row after the other, each of which waits for memory where the table is larger than
    the processor's caches; a gather fetches many at once.

    Args:
        learning_rate: a number or a schedule.
        initial_accumulator_value: where `a` starts.
        jit_compile: see `LazyAdam`.
        options: of `tf.keras.optimizers.Adagrad`.
    """

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, jit_compile=False, name="Adagrad", **options
    ) -> None:
        super().__init__(learning_rate, initial_accumulator_value, jit_compile=jit_compile, name=name, **options)

    def update_step(self, grad, variable) -> None:
        """Updates a variable by its gradient; rows of `tf.IndexedSlices` must differ, as `apply_gradients` sees to."""
        if not isinstance(grad, tf.IndexedSlices):
            super().update_step(grad, variable)
            return
        rate = tf.cast(self.learning_rate, variable.dtype)
        accumulator = self._accumulators[self._index_dict[self._var_key(variable)]]
        sums = tf.gather(accumulator, grad.indices) + grad.values * grad.values
        accumulator.scatter_update(tf.IndexedSlices(sums, grad.indices))
        moves = -rate * grad.values / tf.sqrt(sums + self.epsilon)
        variable.scatter_add(tf.IndexedSlices(moves, grad.indices))
