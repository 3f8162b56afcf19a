"""Texts of items inside a model: every different text is one row, travelling as a number."""

import logging

import numpy as np
import tensorflow as tf

from tfrec.data.distinct import filled
from tfrec.encoders.cache import encode_texts
from tfrec.folders import cache_folder
from tfrec.layers.dropout import StatelessDropout
from tfrec.layers.growing import GrowingTable
from tfrec.replicas import gathered, rows_before

log = logging.getLogger(__name__)

FEATURES = {"text", "query_text"}  # whose texts a step encodes
SIZES = 4  # of each part of a batch: a size is a compilation of the whole encoder


class FrozenText(tf.keras.layers.Layer):
    """Vectors of texts from an encoder that is not trained: each encoded once, kept on disk and in a table.

    Args:
        encoder: a `TextEncoder` without trainable weights.
    """

    def __init__(self, encoder, name="text") -> None:
        super().__init__(name=name)
        # A plain object, so that the encoder is not part of the model: its vectors are.
        self._known = _Vectors(encoder)
        self.table = GrowingTable(encoder.dim, stddev=0, trainable=False, name="text_vectors")

    def prepare(self, texts: list[str]) -> bool:
        """Encodes all texts that are known to come, in one go, with room for them; returns whether a table was
        replaced."""
        self._known.encode(texts)
        return self.table.reserve(len(self._known.vectors))

    def add(self, texts: list[str]) -> bool:
        """Appends rows for new texts; returns whether a table was replaced."""
        first = self.table.rows
        replaced = self.table.grow(first + len(texts))
        if texts:
            self.table.assign(first + np.arange(len(texts)), self._known.of(texts))
        return replaced

    def vectors_of(self, rows: np.ndarray) -> np.ndarray:
        """Vectors `[n, dim]` of text rows on the host."""
        return self.table.table.numpy()[rows]

    def batch(self, features: dict[str, np.ndarray], replicas: int = 1) -> dict[str, np.ndarray]:
        """The features: there is nothing to encode in a step."""
        return features

    def of(self, features: dict, name: str, training=False):
        """Vectors of the texts of a feature, `[n, dim]`; of no text (-1), those of the first."""
        return self(tf.maximum(features[name], 0))

    def call(self, rows, training=False):
        """Vectors `[..., dim]` of text rows `[...]`."""
        return self.table(rows)


class TrainedText(tf.keras.layers.Layer):
    """Vectors of texts from an encoder that is (partly) trained: token ids in a table, encoded in the graph.

    A batch has each different text once, short ones (up to half of the encoder's length) apart from the others, so that
    they are encoded at their own length. With an `Augmentation`, learning draws one of a text's wordings for each;
    scores are of the text as it is.

    Args:
        encoder: a `TextEncoder` with trainable weights.
    """

    def __init__(self, encoder, name="text") -> None:
        super().__init__(name=name)
        self.encoder, self.augmentation = encoder, encoder.augmentation
        self.short = encoder.max_length // 2
        self._lengths = np.zeros(0, np.int32)  # of each row's longest wording
        self.table = GrowingTable(encoder.max_length, stddev=0, trainable=False, dtype="int32", name="tokens")
        if self.augmentation is not None:
            self.wordings = GrowingTable(encoder.max_length, stddev=0, trainable=False, dtype="int32", name="wordings")
            self.draw = StatelessDropout(0.0, self.augmentation.seed, name="draw")

    def prepare(self, texts: list[str]) -> bool:
        """Makes room for all texts that are known to come; returns whether a table was replaced."""
        rows = len(set(texts))
        replaced = self.table.reserve(rows)
        return (
            replaced if self.augmentation is None else self.wordings.reserve(rows * self.augmentation.copies) | replaced
        )

    def add(self, texts: list[str]) -> bool:
        """Appends rows for new texts; returns whether a table was replaced."""
        first = self.table.rows
        replaced = self.table.grow(first + len(texts))
        if not texts:
            return replaced
        tokens = self.encoder.tokenize(texts)
        self.table.assign(first + np.arange(len(texts)), tokens)
        lengths = self._tokens(tokens)
        if self.augmentation is not None:
            self.augmentation.observe(texts)
            found = [wording for text in texts for wording in self.augmentation.wordings(text)]
            first *= self.augmentation.copies
            replaced |= self.wordings.grow(first + len(found))
            tokens = self.encoder.tokenize(found)
            self.wordings.assign(first + np.arange(len(found)), tokens)
            lengths = np.maximum(lengths, self._tokens(tokens).reshape(len(texts), -1).max(axis=1))
        self._lengths = np.append(self._lengths, lengths)
        return replaced

    def _tokens(self, tokens: np.ndarray) -> np.ndarray:
        return (tokens != self.encoder.pad_id).sum(axis=1)

    def vectors_of(self, rows: np.ndarray) -> np.ndarray:
        """Vectors `[n, dim]` of text rows by today's weights, each different row encoded once."""
        different, inverse = np.unique(rows, return_inverse=True)
        blocks = np.array_split(different, max(1, len(different) // 256))
        return np.concatenate([self(block).numpy() for block in blocks])[inverse]

    def batch(self, features: dict[str, np.ndarray], replicas: int = 1) -> dict[str, np.ndarray]:
        """Adds each different text of a feature once, `<name>/short` and `<name>/long`, and `<name>/place` of rows."""
        found = dict(features)
        for name in FEATURES & features.keys():
            different, place = np.unique(np.maximum(features[name], 0), return_inverse=True)
            long = self._lengths[different] > self.short
            # A part without texts has one for each replica: a graph takes the same features always.
            parts = [
                filled(different[chosen], len(place), replicas, SIZES)
                if chosen.any()
                else np.repeat(different[:1], replicas)
                for chosen in (~long, long)
            ]
            found[f"{name}/short"], found[f"{name}/long"] = parts
            at = np.where(long, len(parts[0]) + np.cumsum(long), np.cumsum(~long)) - 1
            found[f"{name}/place"] = at[place].astype(np.int32)
        return found

    def of(self, features: dict, name: str, training=False):
        """Vectors of the texts of a feature, `[n, dim]`; of no text (-1), those of some."""
        if f"{name}/place" not in features:
            return self(tf.maximum(features[name], 0), training)
        parts = {f"{name}/short": self.short, f"{name}/long": self.encoder.max_length}
        vectors = [gathered(self(features[key], training, n)) for key, n in parts.items()]
        return tf.gather(tf.concat(vectors, axis=0), features[f"{name}/place"])

    def call(self, rows, training=False, length: int | None = None):
        """Vectors `[n, dim]` of text rows `[n]`, of their first `length` tokens, which are all that they have."""
        if training and self.augmentation is not None:
            drawn = self.draw.uniform(tf.range(tf.size(rows)) + rows_before(tf.size(rows)))
            copies = self.augmentation.copies
            tokens = self.wordings(rows * copies + tf.cast(drawn * copies, rows.dtype))
        else:
            tokens = self.table(rows)
        return self.encoder(tokens[:, :length], training=training)


class _Vectors:
    """Texts that have been encoded in this process, and their vectors."""

    def __init__(self, encoder) -> None:
        self.encoder = encoder
        self.vectors: dict[str, np.ndarray] = {}

    def of(self, texts: list[str]) -> np.ndarray:
        """Vectors `[n, dim]`."""
        self.encode(texts)
        return np.stack([self.vectors[text] for text in texts])

    def encode(self, texts: list[str]) -> None:
        """Encodes texts that are new, or reads them from the disk."""
        new = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        if new:
            encoded = encode_texts(self.encoder, new, cache_folder() / "texts", progress=_log_progress)
            self.vectors.update(zip(new, encoded, strict=True))


def _log_progress(done: int, total: int) -> None:
    if done % 4096 == 0 or done == total:
        log.info("encoded %d of %d texts", done, total)
