"""Scores of the whole catalogue from the two towers of a model."""

import weakref
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec.data.history import History
from tfrec.data.requests import Requests

CHUNK = 1024  # one shape for all: a row's vector is then the same, bit for bit, with whatever else it is encoded


class TowerScores:
    """An index of the catalogue's vectors and the queries' vectors, multiplied block by block.

    As long as the weights stay, only items that are new, or whose features changed (a new text), are encoded.

    Args:
        model: anything with `query_embeddings`, `candidate_embeddings`, `table_rows`, `features` and `tfrs_model`.
    """

    def __init__(self, model) -> None:
        self.model = model
        self.encoded = 0  # rows of the index that the last refresh encoded
        self._traced_for: list[weakref.ref] | None = None
        self.forget()

    def forget(self) -> None:
        """Encodes the whole catalogue at the next call: the weights have changed."""
        self.index, self._known = None, {}

    def score(self, history: History, requests: Requests) -> Callable[[slice], tf.Tensor]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        self._trace()
        self._refresh(history)
        features, index = self.model.features, self.index
        asked = features.users(history, requests) | features.past(history, requests)
        queries = encode(self._queries, self.model.table_rows(asked))
        return lambda block: tf.matmul(queries[block], index, transpose_b=True)

    def _trace(self) -> None:
        """Traces anew if a table was replaced by a larger one."""
        model = self.model
        variables = model.tfrs_model.variables
        if self._traced_for is None or not _same(self._traced_for, variables):
            self._queries = tf.function(model.query_embeddings, reduce_retracing=True)
            self._candidates = tf.function(model.candidate_embeddings, reduce_retracing=True)
            self._traced_for = [weakref.ref(variable) for variable in variables]

    def _refresh(self, history: History) -> None:
        rows = np.arange(len(history.items))
        features = self.model.table_rows(self.model.features.candidates(history, rows))
        stale = np.ones(len(rows), bool)
        if self.index is not None and self._known.keys() == features.keys():
            size = len(self.index)
            same = [(features[key][:size] == known).reshape(size, -1).all(axis=1) for key, known in self._known.items()]
            stale[:size] = ~np.logical_and.reduce(same)
        self._known, self.encoded = features, int(stale.sum())
        if not self.encoded:
            return
        vectors = encode(self._candidates, {key: values[stale] for key, values in features.items()})
        if self.index is None or stale.all():
            self.index = vectors
        else:
            grown = tf.pad(self.index, [[0, len(rows) - len(self.index)], [0, 0]])
            self.index = tf.tensor_scatter_nd_update(grown, np.flatnonzero(stale)[:, None], vectors)


def _same(references: list[weakref.ref], variables) -> bool:
    """Whether these are those variables; an address does not tell, as a new one may get that of an old one."""
    known = [reference() for reference in references]
    return len(known) == len(variables) and all(a is b for a, b in zip(known, variables, strict=True))


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
