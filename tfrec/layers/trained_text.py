"""Texts of items inside a model, by an encoder that learns: every different text is one row, of its tokens."""

import hashlib

import numpy as np
import tensorflow as tf

from tfrec.data.distinct import filled
from tfrec.encoders.cache import traced
from tfrec.layers.dropout import StatelessDropout
from tfrec.layers.growing import GrowingTable
from tfrec.replicas import gathered, rows_before
from tfrec.slots import Same

FEATURES = {"text", "query_text"}  # whose texts a step encodes
BLOCK = 64  # texts that are scored at once: one shape, compiled once for each length
SIZES = 4  # of each part of a batch: a size is a compilation of the whole encoder


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
        self._vectors = np.zeros([0, encoder.dim], np.float32)  # of each row, where encoded, by the weights of the mark
        self._encoded, self._mark, self._traced_for = np.zeros(0, bool), "", None
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
        """Vectors `[n, dim]` of text rows by today's weights: each is encoded once, at its own length, while they stay
        what they are."""
        mark = self._weights()
        if mark != self._mark:
            self._encoded[:], self._mark = False, mark
        more = len(self._lengths) - len(self._encoded)
        if more:
            self._encoded, self._vectors = np.pad(self._encoded, (0, more)), np.pad(self._vectors, ((0, more), (0, 0)))
        missing = np.unique(rows)
        missing = missing[~self._encoded[missing]]
        for length, chosen in self._by_length(missing):
            texts = missing[chosen]
            for block in filled(texts, BLOCK, sizes=1).reshape(-1, BLOCK) if len(texts) else ():
                self._vectors[block] = self._graph(tf.gather(self.table.table, block)[:, :length]).numpy()
        self._encoded[missing] = True
        return self._vectors[rows]

    def _weights(self) -> str:
        """What the encoder's numbers are, in one."""
        weights = self.encoder.weights
        if self._traced_for is None or not self._traced_for(weights):
            self._graph, self._traced_for = traced(self.encoder, jit_compile=True, batch_size=BLOCK), Same(weights)
        digest = hashlib.blake2b()
        for value in weights:
            digest.update(value.numpy().tobytes())
        return digest.hexdigest()

    def read(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Adds the vectors of each row's text, `<name>/vector` `[n, dim]`, for rows to be scored; see `vectors_of`."""
        read = FEATURES & features.keys()
        return features | {f"{name}/vector": self.vectors_of(np.maximum(features[name], 0)) for name in read}

    def _by_length(self, rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """The lengths at which text rows are encoded, and which are encoded at each."""
        long = self._lengths[rows] > self.short
        return [(self.short, ~long), (self.encoder.max_length, long)]

    def batch(self, features: dict[str, np.ndarray], replicas: int = 1) -> dict[str, np.ndarray]:
        """Adds each different text of a feature once, `<name>/short` and `<name>/long`, and `<name>/place` of rows."""
        found = dict(features)
        for name in FEATURES & features.keys():
            different, place = np.unique(np.maximum(features[name], 0), return_inverse=True)
            (_, short), (_, long) = self._by_length(different)
            # A part without texts has one for each replica: a graph takes the same features always.
            parts = [
                filled(different[chosen], len(place), replicas, SIZES)
                if chosen.any()
                else different[:1].repeat(replicas)
                for chosen in (short, long)
            ]
            found[f"{name}/short"], found[f"{name}/long"] = parts
            at = np.where(long, len(parts[0]) + np.cumsum(long), np.cumsum(short)) - 1
            found[f"{name}/place"] = at[place].astype(np.int32)
        return found

    def of(self, features: dict, name: str, training=False):
        """Vectors of the texts of a feature, `[n, dim]`; of no text (-1), those of some."""
        if f"{name}/vector" in features:
            return tf.cast(features[f"{name}/vector"], self.compute_dtype)
        if f"{name}/place" not in features:
            return self(tf.maximum(features[name], 0), training)
        parts = ("short", self.short), ("long", self.encoder.max_length)
        vectors = [gathered(self(features[f"{name}/{part}"], training, length)) for part, length in parts]
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
