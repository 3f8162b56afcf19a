"""Learned scales of what layers give."""

from collections.abc import Sequence

from keras import ops

from tfrec.errors import require
from tfrec.peft.peft import Added, Peft, in_and_out, train_only, wrap


class Ia3(Peft):
    """`l * h`, element by element, of keys, values and the inner units ((IA)^3, Liu et al., NeurIPS 2022).

    l starts at 1; each chosen layer has as many new weights as it gives numbers.

    Args:
        layers: names of dense layers inside of each transformer layer.

    Raises:
        InputError: there are none; later, if the encoder has no layer of a name.
    """

    def __init__(self, layers: Sequence[str] = ("key", "value", "feedforward_intermediate_dense")) -> None:
        require(len(layers) > 0, "peft.layers is empty: name the layers to adapt, or choose peft=frozen.")
        self.layers = tuple(layers)

    def adapt(self, backbone):
        """See `Peft`."""
        added = wrap(backbone, self.layers, lambda layer, name: Scaled(layer, f"{name}_ia3"), "peft.layers")
        train_only(backbone, [layer.scale for layer in added])
        return backbone


class Scaled(Added):
    """A dense layer's output, after its activation, times a learned vector of its shape."""

    def __init__(self, inner, name: str) -> None:
        super().__init__(name, inner)
        self.scale = self.add_weight(shape=in_and_out(inner)[1], name="scale", initializer="ones")

    def call(self, inputs):
        """Of the layer's inputs, `[..., out]`."""
        plain = self.inner(inputs)
        return plain * ops.cast(self.scale, plain.dtype)
