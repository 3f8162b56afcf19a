"""Texts of items inside a model: every different text is one row, travelling as a number."""

import logging

import numpy as np
import tensorflow as tf

from tfrec.encoders.cache import encode_texts
from tfrec.folders import cache_folder
from tfrec.layers.dropout import StatelessDropout
from tfrec.layers.growing import GrowingTable
from tfrec.replicas import rows_before

log = logging.getLogger(__name__)


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

    def call(self, rows, training=False):
        """Vectors `[..., dim]` of text rows `[...]`."""
        return self.table(rows)


class TrainedText(tf.keras.layers.Layer):
    """Vectors of texts from an encoder that is (partly) trained: token ids in a table, encoded in the graph.

    With an `Augmentation`, learning draws one of a text's wordings for each row; scores are of the text as it is.

    Args:
        encoder: a `TextEncoder` with trainable weights.
    """

    def __init__(self, encoder, name="text") -> None:
        super().__init__(name=name)
        self.encoder, self.augmentation = encoder, encoder.augmentation
        self.table = GrowingTable(encoder.max_length, stddev=0, trainable=False, dtype="int32", name="tokens")
        if self.augmentation is not None:
            self.wordings = GrowingTable(encoder.max_length, stddev=0, trainable=False, dtype="int32", name="wordings")
            self.draw = StatelessDropout(0.0, self.augmentation.seed, name="draw")

    def prepare(self, texts: list[str]) -> bool:
        """Nothing: texts are encoded anew in every step."""
        return False

    def add(self, texts: list[str]) -> bool:
        """Appends rows for new texts; returns whether a table was replaced."""
        first = self.table.rows
        replaced = self.table.grow(first + len(texts))
        if texts:
            self.table.assign(first + np.arange(len(texts)), self.encoder.tokenize(texts))
        if self.augmentation is not None:
            self.augmentation.observe(texts)
            found = [wording for text in texts for wording in self.augmentation.wordings(text)]
            first *= self.augmentation.copies
            replaced |= self.wordings.grow(first + len(found))
            if found:
                self.wordings.assign(first + np.arange(len(found)), self.encoder.tokenize(found))
        return replaced

    def vectors_of(self, rows: np.ndarray) -> np.ndarray:
        """Vectors `[n, dim]` of text rows by today's weights, each different row encoded once."""
        different, inverse = np.unique(rows, return_inverse=True)
        blocks = np.array_split(different, max(1, len(different) // 256))
        return np.concatenate([self(block).numpy() for block in blocks])[inverse]

    def call(self, rows, training=False):
        """Vectors `[n, dim]` of text rows `[n]`."""
        if training and self.augmentation is not None:
            drawn = self.draw.uniform(tf.range(tf.size(rows)) + rows_before(tf.size(rows)))
            copies = self.augmentation.copies
            return self.encoder(self.wordings(rows * copies + tf.cast(drawn * copies, rows.dtype)), training=True)
        return self.encoder(self.table(rows), training=training)


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
