"""Texts of items inside a model, by an encoder that does not learn: every different text is one row."""

import logging

import numpy as np
import tensorflow as tf

from tfrec.encoders.cache import encode_texts
from tfrec.folders import cache_folder
from tfrec.layers.growing import GrowingTable

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

    def batch(self, features: dict[str, np.ndarray], replicas: int = 1) -> dict[str, np.ndarray]:
        """The features: there is nothing to encode in a step."""
        return features

    def read(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The features: all texts are encoded."""
        return features

    def of(self, features: dict, name: str, training=False):
        """Vectors of the texts of a feature, `[n, dim]`; of no text (-1), those of the first."""
        return self(tf.maximum(features[name], 0))

    def call(self, rows, training=False):
        """Vectors `[..., dim]` of text rows `[...]`."""
        return self.table(rows)


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
