"""Learning everything."""

from tfrec.errors import require
from tfrec.peft.peft import Peft, of_vectors, train_only


class Full(Peft):
    """Every weight that the vectors depend on learns."""

    def adapt(self, backbone):
        """See `Peft`.

        Raises:
            InputError: most of the weights are quantised, and cannot learn.
        """
        quantised = any(getattr(layer, "quantization_mode", None) for layer in backbone._flatten_layers())
        require(
            not quantised, "encoder.quantize leaves no kernel that learns: choose peft=lora, or encoder.quantize=null."
        )
        train_only(backbone, of_vectors(backbone))
        return backbone
