"""Low-rank changes of dense layers."""

from collections.abc import Sequence
from itertools import count
from math import prod

import keras
from keras import ops

from tfrec.errors import InputError, require
from tfrec.peft.life import LIVES, Life
from tfrec.peft.peft import Added, Peft, in_and_out, of_vectors, train_only, wrap

BIASES = ("none", "all", "lora")


class Lora(Peft):
    """`h = W x + b + (alpha / rank) B A dropout(x)`, A `[rank, in]` and B `[out, rank]` (LoRA, Hu et al., ICLR 2022).

    A is Gaussian of variance 1 / in, B is zero, so a chosen layer starts as it was; it has `rank * (in + out)` new
    weights, where an attention's heads count as one vector. Nothing else learns, but for `bias`.

    Args:
        rank, alpha: see the formula. dropout: of what goes into A, while learning.
        bias: which biases learn along: `none`, `all` of the encoder's, those of normalisations too, or `lora`, those of
            the chosen layers.
        layers: names of dense layers inside of each transformer layer: query, key, value, attention_output,
            feedforward_intermediate_dense, feedforward_output_dense.
        life: from update to update: `continue`, `merge` or `stack`, see `Life`.
        seed: of A and of the dropout.

    Raises:
        InputError: a value is out of range; later, if the encoder has no layer of a name.
    """

    def __init__(
        self,
        rank: int = 8,
        alpha: float = 16.0,
        dropout: float = 0.0,
        bias: str = "none",
        layers: Sequence[str] = ("query", "value"),
        life: str = "continue",
        seed: int = 0,
    ) -> None:
        require(rank >= 1, f"peft.rank is {rank}: choose 1 or more.")
        require(alpha > 0, f"peft.alpha is {alpha}: choose above 0.")
        require(0 <= dropout < 1, f"peft.dropout is {dropout}: choose 0 or more, below 1.")
        require(len(layers) > 0, "peft.layers is empty: name the layers to adapt, or choose peft=frozen.")
        if bias not in BIASES:
            raise InputError(f"peft.bias is '{bias}': choose {', '.join(BIASES)}.")
        if life not in LIVES:
            raise InputError(f"peft.life is '{life}': choose {', '.join(LIVES)}.")
        self.strategies = () if life == "continue" else (Life(life, seed),)
        self.rank, self.alpha, self.dropout, self.bias = rank, alpha, dropout, bias
        self.layers, self.seed = tuple(layers), seed

    def adapt(self, backbone):
        """See `Peft`."""
        seeds = count(self.seed)
        options = self.rank, self.alpha, self.dropout
        added = wrap(
            backbone,
            self.layers,
            lambda layer, name: LowRank(layer, *options, next(seeds), f"{name}_lora"),
            "peft.layers",
        )
        chosen = [variable for layer in added for variable in layer.factors]
        if self.bias == "all":
            chosen += [v for v in of_vectors(backbone) if v.path.rpartition("/")[2] in ("bias", "beta")]
        elif self.bias == "lora":
            chosen += [layer.inner.bias for layer in added if layer.inner.bias is not None]
        train_only(backbone, chosen)
        return backbone

    def merged(self, backbone) -> list:
        """See `Peft`: the kernels, if an update's change is merged."""
        return [layer.inner.kernel for layer in self.added(backbone)] if self.strategies else []

    @staticmethod
    def added(backbone) -> list["LowRank"]:
        """The changes of a backbone, in order."""
        return [layer for layer in backbone._flatten_layers() if isinstance(layer, LowRank)]

    def merge(self, backbone) -> None:
        """Adds the change to the weights themselves, and stops adding it to what they give."""
        for layer in self.added(backbone):
            layer.merge(1)

    def unmerge(self, backbone) -> None:
        """Takes `merge` back."""
        for layer in self.added(backbone):
            layer.merge(-1)

    def start_anew(self, backbone, seed: int) -> None:
        """Draws A again and makes B zero: after `merge`, the vectors stay."""
        for number, layer in enumerate(self.added(backbone)):
            layer.start(seed + number)


class LowRank(Added):
    """A dense layer, or an attention's, and its low-rank change; see `Lora`.

    Args:
        inner: built; a quantised one cannot be merged.
    """

    def __init__(self, inner, rank: int, alpha: float, dropout: float, seed: int, name: str) -> None:
        super().__init__(name, inner, scale=alpha / rank, dropout=dropout)
        self.scale = alpha / rank
        self.activation, inner.activation = inner.activation, keras.activations.linear  # comes after the sum
        self.dropout = keras.layers.Dropout(dropout, seed=seed, name=f"{name}_dropout") if dropout else None
        in_shape, self.out_shape = in_and_out(inner)
        self.sizes = prod(in_shape), prod(self.out_shape)
        self.a = self.add_weight(shape=(self.sizes[0], rank), name="a", initializer="zeros")
        self.b = self.add_weight(shape=(rank, self.sizes[1]), name="b", initializer="zeros")
        self.active = self.add_weight(shape=(), name="active", initializer="ones", trainable=False)
        self.start(seed)

    @property
    def factors(self) -> list:
        """A and B."""
        return [self.a, self.b]

    def start(self, seed: int) -> None:
        """Draws A, makes B zero, and adds from now on."""
        self.a.assign(keras.random.normal(self.a.shape, stddev=self.sizes[0] ** -0.5, seed=seed))
        self.b.assign(ops.zeros_like(self.b))
        self.active.assign(1.0)

    def call(self, inputs, training=None):
        """Of inputs `[..., in]` (an attention's output layer: `[..., heads, dim]`), `[..., out]`."""
        plain = self.inner(inputs)
        lead = ops.shape(plain)[: len(plain.shape) - len(self.out_shape)]
        flat = ops.reshape(inputs, (*lead, self.sizes[0]))
        if self.dropout is not None:
            flat = self.dropout(flat, training=training)
        a, b = (ops.cast(factor, self.compute_dtype) for factor in (self.a, self.b))
        change = ops.matmul(ops.matmul(ops.cast(flat, self.compute_dtype), a), b)
        change = change * ops.cast(self.active * self.scale, self.compute_dtype)
        return self.activation(plain + ops.cast(ops.reshape(change, (*lead, *self.out_shape)), plain.dtype))

    def merge(self, sign: int) -> None:
        """Moves the change into the kernel (1) or out of it (-1); does nothing where it is already."""
        if float(self.active) != (1 if sign > 0 else 0):
            return
        self.add_to_kernel(sign * self.scale * ops.matmul(self.a, self.b))
        self.active.assign(1.0 - ops.cast(self.active, "float32"))
