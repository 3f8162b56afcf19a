"""Low-rank changes whose ranks follow their importance."""

from collections.abc import Sequence
from itertools import count
from math import prod

import keras
import tensorflow as tf
from keras import ops

from tfrec.errors import require
from tfrec.peft.peft import Added, Peft, in_and_out, train_only, wrap
from tfrec.strategies.strategy import Strategy


class Adalora(Peft):
    """`h = W x + b + (alpha / rank) P (lambda * Q x)`, with P `[out, rank]` and Q `[rank, in]` near orthogonal rows, of
    whose parts the most important over all layers are kept (AdaLoRA, Zhang et al., ICLR 2023).

    Part i of a layer is `P_i, lambda_i, Q_i`; its importance is `s(lambda_i) + mean s(P_i) + mean s(Q_i)`, where
    `s = mean of |w g|, smoothed by beta_1, times its smoothed deviation by beta_2`. After each step all lambda but the
    b(t) most important are set to 0, with `b(t) = b_T + (b_0 - b_T) (1 - (t - start) / (end - start))^3` between the
    steps `start` and `end`, b_0 = rank and b_T = target for each layer; after `end`, those that are 0 stay it. The loss
    gets `orthogonal * mean over layers of (|P'P - I|^2 + |QQ' - I|^2)`. P and Q are Gaussian, lambda is 0.

    Args:
        rank, alpha: at the start. target: parts a layer keeps on average.
        start, end: steps. beta_1, beta_2, orthogonal: see the formulas.
        layers: see `Lora`. seed: of P and Q.

    Raises:
        InputError: a value is out of range; later, if the encoder has no layer of a name.
    """

    def __init__(
        self,
        rank: int = 12,
        target: int = 8,
        alpha: float = 16.0,
        start: int = 100,
        end: int = 500,
        beta_1: float = 0.85,
        beta_2: float = 0.85,
        orthogonal: float = 0.5,
        layers: Sequence[str] = ("query", "value"),
        seed: int = 0,
    ) -> None:
        require(1 <= target <= rank, f"peft.target is {target}, peft.rank is {rank}: choose 1 or more, up to the rank.")
        require(0 <= start < end, f"peft.start is {start}, peft.end is {end}: choose 0 <= start < end.")
        require(alpha > 0 and orthogonal >= 0, f"peft.alpha is {alpha}, peft.orthogonal is {orthogonal}.")
        require(
            0 <= beta_1 < 1 and 0 <= beta_2 < 1,
            f"peft.beta_1 is {beta_1}, peft.beta_2 is {beta_2}: choose 0 or more, below 1.",
        )
        require(len(layers) > 0, "peft.layers is empty: name the layers to adapt, or choose peft=frozen.")
        self.rank, self.alpha, self.layers, self.seed = rank, alpha, tuple(layers), seed
        self.strategies = (Budget(target, start, end, beta_1, beta_2, orthogonal),)

    def adapt(self, backbone):
        """See `Peft`."""
        seeds = count(self.seed)

        def make(layer, name):
            return Parts(layer, self.rank, self.alpha, next(seeds), f"{name}_adalora")

        added = wrap(backbone, self.layers, make, "peft.layers")
        train_only(backbone, [variable for layer in added for variable in layer.factors])
        return backbone

    def merge(self, backbone) -> None:
        """See `Peft`."""
        for layer in parts_of(backbone):
            layer.merge()

    def statistics(self, backbone) -> list:
        """See `Peft`: what is known of the parts' importance, and the steps."""
        return [kept for layer in parts_of(backbone) for kept in (*layer.mean, *layer.deviation, layer.steps)]


class Parts(Added):
    """A dense layer, or an attention's, and the parts of its change, with what is known of their importance.

    Attributes: `factors`, Q `[rank, in]`, lambda `[rank, 1]` and P `[rank, out]`, one part a row; `mean` and
    `deviation` of `|w g|`, smoothed, of the shapes of these; `steps`.
    """

    def __init__(self, inner, rank: int, alpha: float, seed: int, name: str) -> None:
        super().__init__(name, inner, scale=alpha / rank)
        self.scale = alpha / rank
        self.activation, inner.activation = inner.activation, keras.activations.linear  # comes after the sum
        in_shape, self.out_shape = in_and_out(inner)
        self.size = prod(in_shape)
        small = [keras.initializers.RandomNormal(0.0, 0.02, seed=2 * seed + n) for n in range(2)]
        starts = {"q": (self.size, small[0]), "lambda": (1, "zeros"), "p": (prod(self.out_shape), small[1])}
        self.factors, self.mean, self.deviation = [], [], []
        for key, (size, start) in starts.items():
            self.factors.append(self.add_weight(shape=(rank, size), name=key, initializer=start))
            for kept, of in (("mean", self.mean), ("deviation", self.deviation)):
                of.append(
                    self.add_weight(shape=(rank, size), name=f"{key}_{kept}", initializer="zeros", trainable=False)
                )
        self.steps = self.add_weight(shape=(), name="steps", dtype="int32", initializer="zeros", trainable=False)

    def call(self, inputs):
        """Of inputs `[..., in]` (an attention's output layer: `[..., heads, dim]`), `[..., out]`."""
        plain = self.inner(inputs)
        lead = ops.shape(plain)[: len(plain.shape) - len(self.out_shape)]
        q, lam, p = (ops.cast(factor, self.compute_dtype) for factor in self.factors)
        flat = ops.cast(ops.reshape(inputs, (*lead, self.size)), self.compute_dtype)
        change = ops.matmul(ops.matmul(flat, ops.transpose(q)) * lam[:, 0], p) * self.scale
        return self.activation(plain + ops.cast(ops.reshape(change, (*lead, *self.out_shape)), plain.dtype))

    def merge(self) -> None:
        """Moves the change into the kernel: all lambda are 0 then."""
        q, lam, p = self.factors
        self.add_to_kernel(self.scale * ops.matmul(ops.transpose(q) * lam[:, 0], p))
        lam.assign(ops.zeros_like(lam))

    def importance(self):
        """Of each part, `[rank]`."""
        scores = [ops.mean(m * d, axis=1) for m, d in zip(self.mean, self.deviation, strict=True)]
        return scores[0] + scores[1] + scores[2]


def parts_of(backbone) -> list[Parts]:
    """The changes of a backbone, in order."""
    return [layer for layer in backbone._flatten_layers() if isinstance(layer, Parts)]


class Budget(Strategy):
    """Keeps the most important parts of all `Parts` of a model's encoder; see `Adalora`."""

    needs = ("task_losses",)
    moves = True

    def __init__(self, target: int, start: int, end: int, beta_1: float, beta_2: float, orthogonal: float) -> None:
        self.target, self.start, self.end = target, start, end
        self.beta_1, self.beta_2, self.orthogonal = beta_1, beta_2, orthogonal
        self.layers: list[Parts] = []
        self._places: list[list[int]] = []

    def build(self, model) -> None:
        """Finds the layers, and their weights among the model's."""
        self.layers = parts_of(model.text.encoder.backbone)
        places = {id(weight): place for place, weight in enumerate(model.trainable_variables)}
        self._places = [[places[id(factor.value)] for factor in layer.factors] for layer in self.layers]

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: the weighted distance of P and Q from orthogonal rows."""
        far = []
        for layer in self.layers:
            for rows in (layer.factors[0].value, layer.factors[2].value):
                far.append(tf.reduce_sum(tf.square(tf.matmul(rows, rows, transpose_b=True) - tf.eye(rows.shape[0]))))
        return self.orthogonal * tf.add_n(far) / len(self.layers)

    def after_step(self, model, before: list, slopes: list) -> None:
        """In graph: smooths the importance, and sets to 0 the lambda of those parts that are not among the first b."""
        for layer, places in zip(self.layers, self._places, strict=True):
            for n, place in enumerate(places):
                worth = tf.abs(before[place] * tf.convert_to_tensor(slopes[place]))
                worth = tf.where(tf.math.is_finite(worth), worth, 0.0)  # not finite where float16's scale leaves out
                mean, deviation = layer.mean[n].value, layer.deviation[n].value
                mean.assign(self.beta_1 * mean + (1 - self.beta_1) * worth)
                deviation.assign(self.beta_2 * deviation + (1 - self.beta_2) * tf.abs(worth - mean))
            layer.steps.value.assign_add(1)
        step = self.layers[0].steps.value
        scores = tf.concat([layer.importance() for layer in self.layers], axis=0)
        old = tf.concat([before[places[1]][:, 0] for places in self._places], axis=0)
        scores = tf.where((step > self.end) & (old == 0.0), -1.0, scores)  # what is gone stays so
        rank = tf.argsort(tf.argsort(scores, direction="DESCENDING", stable=True), stable=True)
        kept = tf.split(rank < self.parts(step), [layer.factors[1].shape[0] for layer in self.layers])
        for layer, mask in zip(self.layers, kept, strict=True):
            weight = layer.factors[1].value
            weight.assign(tf.where(mask[:, None], weight, 0.0))

    def parts(self, step):
        """In graph: b, how many parts all layers keep after this step."""
        most = sum(layer.factors[1].shape[0] for layer in self.layers)
        least = self.target * len(self.layers)
        left = 1.0 - tf.clip_by_value((tf.cast(step, tf.float32) - self.start) / (self.end - self.start), 0.0, 1.0)
        return tf.cast(tf.math.ceil(least + (most - least) * left**3), tf.int32)
