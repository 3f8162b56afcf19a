"""Text encoders: keras-nlp backbones (Keras 3 models) worn as tf_keras layers."""

import re
from collections import Counter
from collections.abc import Collection

import keras_nlp
import numpy as np
import tensorflow as tf

from tfrec.encoders.augmentation import Augmentation
from tfrec.encoders.checkpointing import checkpoint
from tfrec.encoders.fingerprint import fingerprint
from tfrec.encoders.outputs import sequence
from tfrec.encoders.pooling import Pooling
from tfrec.errors import InputError, require
from tfrec.peft.frozen import Frozen
from tfrec.peft.peft import Peft, blocks

# BERT's own cleaning, which keras-nlp leaves out: invisible characters vanish, every kind of space splits.
_INVISIBLE = r"[^\P{Cc}\t\n\r]|\p{Cf}"
_SPACE = r"\p{Zs}"
COPIED = ("max_length", "normalize", "peft", "augmentation", "checkpointing", "name")


class TextEncoder(tf.keras.layers.Layer):
    """Turns texts into vectors: `e = M pool(backbone(tokens))`, divided by `|e|` where `normalize` says so.

    The only border between Keras 3 (the backbone) and tf_keras (everything else). What trains is what the
    Keras 3 model says at the time of asking, so freezing or `backbone.enable_lora(4)` afterwards is followed;
    all of it is state that a checkpoint keeps, the seeds of dropout included.

    Args:
        backbone: keras-nlp backbone, whose output is (or holds as `sequence_output`) `[batch, length, dim]`.
        tokenizer: the keras-nlp tokenizer that goes with it.
        max_length: tokens a text is cut and padded to, start and end token included.
        pooling, projection: see `Pooling`.
        augmentation: of the texts that are learned from; None leaves them as they are.
        checkpointing: whether a learning step works out the insides of transformer layers twice, see `checkpoint`.
        peft: what learns and is added, see `tfrec.peft`; nothing, if not given. `backbone` is then what it makes of it.

    Raises:
        InputError: an option has a value that this backbone cannot serve.
    """

    # tf_keras does not track attributes that the class declares. Tracked, every variable inside would count
    # as trainable, whatever Keras 3 says, and be saved twice.
    backbone = plain = pooling = tokenizer = peft = augmentation = _packer = _tokenize_graph = made_of = None

    def __init__(
        self,
        backbone,
        tokenizer,
        max_length: int = 32,
        pooling: str = "mean",
        normalize: bool = True,
        projection: int | None = None,
        peft: Peft | None = None,
        augmentation: Augmentation | None = None,
        checkpointing: bool = False,
        seed: int = 0,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name)
        if not set(backbone.input) <= {"token_ids", "padding_mask", "segment_ids"}:
            raise InputError(f"A model of {', '.join(backbone.input)} is no text encoder: choose another.")
        longest = getattr(backbone, "max_sequence_length", None) or max_length
        if not 3 <= max_length <= longest:
            raise InputError(f"max_length is {max_length}: choose 3 to {longest} for this text encoder.")
        self.tokenizer, self.peft, self.augmentation = tokenizer, peft or Frozen(), augmentation or None
        self.plain, self.made_of = backbone, (type(backbone), backbone.get_config())
        self.backbone, self.checkpointing = self.peft.adapt(backbone), checkpointing
        for block in blocks(backbone) if checkpointing else ():
            checkpoint(block)
        self.pooling = Pooling(pooling, sequence(backbone.output).shape[-1], projection, seed)
        self.pooling.trainable = bool(self.backbone.trainable_variables)
        require(
            pooling != "attention" or self.pooling.trainable,
            "encoder.pooling=attention learns, and peft=frozen learns nothing: choose pooling=mean, or another peft.",
        )
        for option, value in (("augmentation", self.augmentation), ("checkpointing", checkpointing)):
            require(
                not value or self.pooling.trainable,
                f"encoder.{option} is of an encoder that learns, and peft=frozen learns nothing: leave it out, or "
                "choose another peft.",
            )
        self.max_length, self.normalize = max_length, normalize
        self.pad_id = tokenizer.pad_token_id
        start, end = (getattr(tokenizer, f"{edge}_token_id", None) for edge in ("start", "end"))
        if not hasattr(tokenizer, "pad_token"):  # GPT-2 says 0, which is its "!": what ends a text pads it
            self.pad_id, start, end = end, None, None
        self._packer = keras_nlp.layers.StartEndPacker(max_length, start, end, pad_value=self.pad_id)

    @property
    def dim(self) -> int:
        """Of a text's vector."""
        return self.pooling.dim

    def tokenize(self, texts: Collection[str]) -> np.ndarray:
        """Token ids of a list of texts: int32 `[n, max_length]`, a numpy array."""
        if self._tokenize_graph is None:
            # Always a graph: outside of one, keras-nlp takes a slow path in Python, with other rules.
            graph = tf.function(self.tokenize_in_graph)
            self._tokenize_graph = graph.get_concrete_function(tf.TensorSpec([None], tf.string))
        return self._tokenize_graph(tf.constant(list(texts), tf.string, shape=[len(texts)])).numpy()

    def tokenize_in_graph(self, texts: tf.Tensor) -> tf.Tensor:
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
        vectors = self.pooling(self.hidden(tokens, training), tf.not_equal(tokens, self.pad_id))
        if self.normalize:
            vectors = tf.math.l2_normalize(vectors, axis=-1)
        return tf.cast(vectors, self.compute_dtype)

    def hidden(self, tokens, training=None):
        """A vector of each token, `[n, length, width]`, of token ids `[n, length]`."""
        tokens = tf.convert_to_tensor(tokens)
        inputs = {
            "token_ids": tokens,
            "padding_mask": tf.cast(tf.not_equal(tokens, self.pad_id), tf.int32),
            "segment_ids": tf.zeros_like(tokens),
        }
        return sequence(self.backbone({key: inputs[key] for key in self.backbone.input}, training=training))

    @property
    def _parts(self) -> tuple:
        return self.backbone, self.pooling

    @property
    def trainable_weights(self) -> list[tf.Variable]:
        return [v.value for part in self._parts for v in part.trainable_variables] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[tf.Variable]:
        trained = {id(value) for value in self.trainable_weights}
        return [value for value in self.named_values().values() if id(value) not in trained]

    def named_values(self) -> dict[str, tf.Variable]:
        """Every `tf.Variable` of the Keras 3 models as it is now, under a name that all processes agree on."""
        values, seen = {}, Counter()
        for variable in (variable for part in self._parts for variable in part.variables):
            # Keras numbers seed generators over the whole process: number them within their layer instead.
            name = re.sub(r"seed_generator_\d+", "seed_generator", variable.path)
            values[f"{name}#{seen[name]}"] = variable.value
            seen[name] += 1
        return values

    def merged(self) -> list[tf.Variable]:
        """See `Peft.merged`."""
        return [variable.value for variable in self.peft.merged(self.backbone)]

    def statistics(self) -> list[tf.Variable]:
        """See `Peft.statistics`."""
        return [variable.value for variable in self.peft.statistics(self.backbone)]

    def _trackable_children(self, save_type="checkpoint", **kwargs):
        return {**super()._trackable_children(save_type, **kwargs), **self.named_values()}

    def __deepcopy__(self, memo):
        # Keras would copy the backbone without what a method has put inside of it.
        kind, config = self.made_of
        options = {key: getattr(self, key) for key in COPIED}
        options |= {"pooling": self.pooling.kind, "dtype": self.dtype_policy}
        projection = None if self.pooling.projection is None else self.dim
        made = type(self)(kind.from_config(config), self.tokenizer, projection=projection, **options)
        made.trainable = self.trainable
        for value, mine in zip(made.named_values().values(), self.named_values().values(), strict=True):
            value.assign(mine)
        return made

    def save_own_variables(self, store):
        for index, value in enumerate(self.named_values().values()):
            store[str(index)] = value.numpy()

    def load_own_variables(self, store):
        for index, value in enumerate(self.named_values().values()):
            value.assign(store[str(index)])

    def fingerprint(self) -> str:
        """Sha256 of all that decides the vectors, under which the cache keeps them."""
        return fingerprint(self)
