"""Learned scales of what layers give."""

from collections.abc import Sequence

import keras
from keras import ops

from tfrec.errors import require
from tfrec.peft.peft import Added, Peft, blocks, in_and_out, refuse_quantised, train_only, wrap

AFTER = {"feedforward_intermediate_dense": "feedforward_output_dense"}  # what reads the units behind an activation


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

    def merge(self, backbone) -> None:
        """See `Peft`: all l are 1 then."""
        for block in blocks(backbone):
            layers = {layer.name: layer for layer in block._flatten_layers()}
            for layer in [layer for layer in layers.values() if isinstance(layer, Scaled)]:
                layer.merge(layers.get(AFTER.get(layer.inner.name)))


class Scaled(Added):
    """A dense layer's output, after its activation, times a learned vector of its shape."""

    def __init__(self, inner, name: str) -> None:
        super().__init__(name, inner)
        self.scale = self.add_weight(shape=in_and_out(inner)[1], name="scale", initializer="ones")

    def call(self, inputs):
        """Of the layer's inputs, `[..., out]`."""
        plain = self.inner(inputs)
        return plain * ops.cast(self.scale, plain.dtype)

    def merge(self, after) -> None:
        """Moves the scale into the kernel and the bias, or, behind an activation, into the kernel of what comes after.

        Raises:
            InputError: a kernel is quantised, or nothing is known to come after.
        """
        linear = self.inner.activation is keras.activations.linear
        require(
            linear or after is not None,
            f"peft=ia3 cannot merge into '{self.inner.name}', which has an activation: leave it out of peft.layers.",
        )
        target = self.inner if linear else after
        refuse_quantised([target], "no kernel to merge a scale into")
        if linear:
            target.kernel.assign(target.kernel * self.scale)
            if target.bias is not None:
                target.bias.assign(target.bias * self.scale)
        else:
            target.kernel.assign(target.kernel * self.scale[:, None])
        self.scale.assign(ops.ones_like(self.scale))
