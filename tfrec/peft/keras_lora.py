"""The low-rank changes that Keras has itself."""

from collections.abc import Sequence

from tfrec.errors import require
from tfrec.peft.peft import Peft, blocks, train_only


class KerasLora(Peft):
    """`backbone.enable_lora` of keras-nlp: `W + A B`, A of the kernel's first axes and B of its last alone.

    So of an attention's query, A has `in * heads * rank` weights and B `rank * size`, where `peft=lora` counts the
    heads as one vector. Keras lets the biases of these layers learn too; here they do not unless `bias` says so.

    Args:
        rank: see `Lora`.
        bias: whether the chosen layers' biases learn along.
        layers: names of layers; None takes keras-nlp's choice, query and value.

    Raises:
        InputError: the rank is below 1; later, if the encoder has no such layer.
    """

    def __init__(self, rank: int = 8, bias: bool = False, layers: Sequence[str] | None = None) -> None:
        require(rank >= 1, f"peft.rank is {rank}: choose 1 or more.")
        self.rank, self.bias, self.layers = rank, bias, None if layers is None else list(layers)

    def adapt(self, backbone):
        """See `Peft`."""
        known = {layer.name for block in blocks(backbone) for layer in block._flatten_layers()}
        for name in self.layers or ():
            require(name in known, f"peft.layers names '{name}', which {type(backbone).__name__} does not have.")
        backbone.enable_lora(self.rank, target_layer_names=self.layers)
        added = [v for v in backbone.variables if v.name.startswith("lora_kernel")]
        require(added, f"peft.layers names {self.layers}, of which {type(backbone).__name__} has none.")
        if self.bias:
            adapted = [layer for layer in backbone._flatten_layers() if getattr(layer, "lora_enabled", False)]
            added += [layer.bias for layer in adapted if layer.bias is not None]
        train_only(backbone, added)
        return backbone
