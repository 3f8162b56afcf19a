"""What an encoder is, in one number."""

import hashlib
import json
import tempfile
from pathlib import Path

import keras

# What a change of tokenisation would change.
_PROBE = "Crème\u00a0brûlée 2x125 g, SUGAR-FREE choco\u00adlate & Straße №5 漢字"


def fingerprint(encoder) -> str:
    """Sha256 of all that decides the vectors of a `TextEncoder`: options, architecture, tokenizer and weights."""
    layers = [each for each in encoder.backbone._flatten_layers() if not isinstance(each, keras.Model)]
    facts = [encoder.max_length, encoder.pooling.kind, encoder.normalize, encoder.compute_dtype]
    facts += [_anonymous(encoder.made_of[1])]
    facts += [[type(layer).__name__, _anonymous(layer.get_config())] for layer in layers]
    facts += [_anonymous(encoder.tokenizer.get_config()), encoder.tokenize([_PROBE]).tolist()]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    with tempfile.TemporaryDirectory() as folder:
        encoder.tokenizer.save_assets(folder)
        for path in sorted(Path(folder).iterdir()):
            digest.update(path.read_bytes())
    for name, value in encoder.named_values().items():
        if "seed_generator" not in name:
            digest.update(f"{name} {value.shape} {value.dtype.name}".encode())
            digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def _anonymous(config):
    """A Keras config without what does not change the vectors: names, what trains, seeds."""
    if isinstance(config, dict):
        return {k: _anonymous(v) for k, v in config.items() if k not in ("name", "trainable", "seed")}
    return [_anonymous(v) for v in config] if isinstance(config, (list, tuple)) else config
