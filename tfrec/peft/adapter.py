"""Small networks between the layers."""

from itertools import count

import keras

from tfrec.errors import InputError, require
from tfrec.peft.peft import Added, Peft, blocks, train_only, wrap

PLACES = {"houlsby": ("attention_output", "feedforward_output_dense"), "pfeiffer": ("feedforward_output_dense",)}


class Adapter(Peft):
    """`h + U act(D h + d) + u` after sub-layers, before what they were given is added (Houlsby et al., ICML 2019).

    D is Gaussian, U, u and d are zero, so an adapter starts as nothing. One has `2 * dim * size + size + dim` weights.

    Args:
        size: of the bottleneck.
        kind: `houlsby`, after the attention and the feed-forward, with normalisations that learn; or `pfeiffer`, after
            the feed-forward alone (the place that Pfeiffer et al., EACL 2021, found to be enough).
        activation: of Keras.
        seed: of D.

    Raises:
        InputError: a value is out of range; later, if the encoder has no such sub-layers.
    """

    def __init__(self, size: int = 16, kind: str = "houlsby", activation: str = "gelu", seed: int = 0) -> None:
        require(size >= 1, f"peft.size is {size}: choose 1 or more.")
        if kind not in PLACES:
            raise InputError(f"peft.kind is '{kind}': choose {' or '.join(PLACES)}.")
        self.size, self.kind, self.activation, self.seed = size, kind, activation, seed

    def adapt(self, backbone):
        """See `Peft`."""
        seeds = count(self.seed)

        def make(layer, name):
            return Bottleneck(layer, self.size, self.activation, next(seeds), f"{name}_adapter")

        added = wrap(backbone, PLACES[self.kind], make, f"peft.kind={self.kind}")
        chosen = [variable for layer in added for part in (layer.down, layer.up) for variable in part.variables]
        if self.kind == "houlsby":
            chosen += [v for block in blocks(backbone) for v in block.variables if v.path.endswith(("gamma", "beta"))]
        train_only(backbone, chosen)
        return backbone


class Bottleneck(Added):
    """A dense layer and an adapter after it; see `Adapter`."""

    def __init__(self, inner, size: int, activation: str, seed: int, name: str) -> None:
        super().__init__(name, inner)
        dim = inner.kernel.shape[-1]
        small = keras.initializers.RandomNormal(stddev=dim**-0.5, seed=seed)
        self.down = keras.layers.Dense(
            size, activation, kernel_initializer=small, dtype=self.dtype_policy, name=f"{name}_down"
        )
        self.up = keras.layers.Dense(dim, kernel_initializer="zeros", dtype=self.dtype_policy, name=f"{name}_up")
        self.down.build((None, dim))
        self.up.build((None, size))

    def call(self, inputs):
        """Of the layer's inputs, `[..., dim]`."""
        plain = self.inner(inputs)
        return plain + self.up(self.down(plain))
