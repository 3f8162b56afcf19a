"""Scores of the whole catalogue from the two towers of a model."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec.data.history import History

CHUNK = 4096


class TowerScores:
    """Encodes the catalogue once and the queries once, then multiplies blocks of them.

    Args:
        model: anything with `query_embeddings`, `candidate_embeddings` and `features`.
    """

    def __init__(self, model) -> None:
        self.model = model
        self.rebuild()

    def rebuild(self) -> None:
        """Traces anew at the next call: a table was replaced by a larger one."""
        model = self.model
        self._queries = tf.function(model.query_embeddings, reduce_retracing=True)
        self._candidates = tf.function(model.candidate_embeddings, reduce_retracing=True)

    def score(self, history: History, users: np.ndarray) -> Callable[[slice], tf.Tensor]:
        """A function from a slice of `users` (rows, -1: never seen) to scores `[block, catalogue]`."""
        features = self.model.features
        items = np.arange(len(history.items))
        index = encode(self._candidates, features.candidates(history, items))
        asked = features.users(history, users) | features.past(history, users)
        queries = encode(self._queries, asked)
        return lambda block: tf.matmul(queries[block], index, transpose_b=True)


def encode(tower, features: dict[str, np.ndarray], chunk: int = CHUNK) -> tf.Tensor:
    """Vectors `[n, dim]`, float32, of all rows, in chunks of one shape: the last is filled up with its last row."""
    rows = len(next(iter(features.values())))
    vectors = []
    for start in range(0, rows, chunk):
        part = {key: values[start : start + chunk] for key, values in features.items()}
        missing = chunk - min(chunk, rows - start)
        full = {key: np.concatenate([v, np.repeat(v[-1:], missing, axis=0)]) for key, v in part.items()}
        vectors.append(tower({key: tf.convert_to_tensor(v) for key, v in full.items()}))
    return tf.cast(tf.concat(vectors, axis=0)[:rows], tf.float32)
