"""Adam for tables of which a batch has few rows."""

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfrec")
class LazyAdam(tf.keras.optimizers.Adam):
    """Adam that leaves the table rows that are not in the batch, and their moments, as they are.

    For the rows `i` of the batch, each once, `g` the sum of a row's gradients and `t` the steps of the optimizer,

        m[i] += (1 - beta_1) (g - m[i])
        v[i] += (1 - beta_2) (g^2 - v[i])
        w[i] -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m[i] / (sqrt(v[i]) + epsilon)

    where Adam (Kingma and Ba, ICLR 2015, https://arxiv.org/abs/1412.6980) does so for every row, with `g = 0` for the
    others. So the two are equal where every row is in every batch. Elsewhere a row waits: its moments do not decay,
    it does not coast on its momentum, and a step costs in a large table what it costs in a small one. `t` counts the
    steps of all rows, as in TensorFlow Addons' LazyAdam: the first step of a row that comes late is of
    `(1 - beta_1) / sqrt(1 - beta_2)` rates (3.2 with the defaults), as it is with Adam.

    Dense gradients are Adam's. With `weight_decay`, too, only rows of the batch decay, by `rate * weight_decay * w[i]`
    before they move; with `amsgrad`, only their largest `v` is looked at. `clipnorm` and `global_clipnorm` take the
    norm before the gradients of a row are added up, as all tf_keras optimizers do. `use_ema` averages every row at
    every step, as Adam's does, at a cost that grows with the table.

    Args:
        learning_rate: a number or a schedule.
        jit_compile: whether XLA compiles each variable's update by itself, where there is a GPU. Not by default:
            it would be compiled anew for each number of different rows. In a step that XLA compiles it does nothing.
        options: of `tf.keras.optimizers.Adam`.
    """

    def __init__(self, learning_rate=0.001, jit_compile=False, name="LazyAdam", **options) -> None:
        super().__init__(learning_rate, jit_compile=jit_compile, name=name, **options)

    def update_step(self, gradient, variable) -> None:
        """Updates a variable by its gradient; rows of `tf.IndexedSlices` must differ, as `apply_gradients` sees to."""
        self._decay(gradient, variable)
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        values, rows = gradient.values, gradient.indices
        number = self._index_dict[self._var_key(variable)]
        m = _moved(self._momentums[number], rows, values, 1 - self.beta_1)
        v = _moved(self._velocities[number], rows, tf.square(values), 1 - self.beta_2)
        if self.amsgrad:
            largest = self._velocity_hats[number]
            v = tf.maximum(tf.gather(largest, rows), v)
            largest.scatter_update(tf.IndexedSlices(v, rows))
        rate, epsilon = self._corrected(variable.dtype)
        variable.scatter_sub(tf.IndexedSlices(m * rate / (tf.sqrt(v) + epsilon), rows))

    def get_config(self) -> dict:
        """The arguments; with `adaptive_epsilon`, which tf_keras's Adam leaves out."""
        return super().get_config() | {"adaptive_epsilon": self.adaptive_epsilon}

    def _apply_weight_decay(self, variables) -> None:
        """Nothing: `update_step` does it, which knows the rows."""

    def _decay(self, gradient, variable) -> None:
        if self.weight_decay is None or not self._use_weight_decay(variable):
            return
        rate, decay = (tf.cast(value, variable.dtype) for value in (self.learning_rate, self.weight_decay))
        if isinstance(gradient, tf.IndexedSlices):
            rows = gradient.indices
            variable.scatter_sub(tf.IndexedSlices(tf.gather(variable, rows) * decay * rate, rows))
        else:
            variable.assign_sub(variable * decay * rate)

    def _corrected(self, dtype) -> tuple[tf.Tensor, tf.Tensor]:
        """The rate with the bias of both moments corrected, and epsilon."""
        t = tf.cast(self.iterations + 1, dtype)
        root = tf.sqrt(1 - tf.pow(tf.cast(self.beta_2, dtype), t))
        rate = tf.cast(self.learning_rate, dtype) * root / (1 - tf.pow(tf.cast(self.beta_1, dtype), t))
        return rate, self.epsilon * root if self.adaptive_epsilon else self.epsilon


def _moved(moment: tf.Variable, rows, values, share: float):
    """Moves the `rows` of a moment by a `share` of the way to `values`; returns them, `[rows, dim]`."""
    moved = tf.gather(moment, rows)
    moved += share * (values - moved)
    moment.scatter_update(tf.IndexedSlices(moved, rows))
    return moved
