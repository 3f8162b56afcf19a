"""Learning the last layers."""

from tfrec.errors import require
from tfrec.peft.peft import BESIDE, Peft, blocks, refuse_quantised, train_only


class LastK(Peft):
    """The last k transformer layers learn, with all of their weights.

    Args:
        k: of the layers.

    Raises:
        InputError: k is below 1; later, if the encoder has not as many, or they are quantised and cannot learn.
    """

    def __init__(self, k: int = 1) -> None:
        require(k >= 1, f"peft.k is {k}: choose 1 or more.")
        self.k = k

    def adapt(self, backbone):
        """See `Peft`."""
        stack = blocks(backbone)
        require(self.k <= len(stack), f"peft.k is {self.k}, but the encoder has {len(stack)} transformer layers.")
        last = stack[-self.k :]
        refuse_quantised((part for block in last for part in block._flatten_layers()), "no kernel that learns", BESIDE)
        train_only(backbone, [variable for block in last for variable in block.trainable_variables])
        return backbone
