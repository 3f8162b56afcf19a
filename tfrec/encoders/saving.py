"""Writing an encoder, so that `encoder=preset encoder.preset=<folder>` reads it."""

import copy
from pathlib import Path

from tfrec.encoders.text import TextEncoder
from tfrec.peft.peft import Added


def save(encoder: TextEncoder, folder: Path | str) -> None:
    """Writes backbone and tokenizer as keras-nlp does; what `peft` has learned is in the weights.

    Raises:
        InputError: see `Peft.merge`.
    """
    plain = encoder.plain
    if any(isinstance(layer, Added) for layer in encoder.backbone._flatten_layers()):
        merged, (kind, config) = copy.deepcopy(encoder), encoder.made_of
        encoder.peft.merge(merged.backbone)
        values, plain = {v.path: v for v in merged.backbone.variables}, kind.from_config(config)
        for variable in plain.variables:
            if "seed_generator" not in variable.path:
                variable.assign(values[variable.path])
    plain.save_to_preset(str(folder))
    encoder.tokenizer.save_to_preset(str(folder))
