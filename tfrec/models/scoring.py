"""Scores of the whole catalogue from the two towers of a model."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require
from tfrec.models.stream_model import BESIDE
from tfrec.slots import Same

CHUNK = 1024  # one shape for all: a row's vector is then the same, bit for bit, with whatever else it is encoded


class Towers:
    """The two towers of a model as graphs, traced once for all who ask, and again when a table was replaced.

    Args:
        model: anything with `query_embeddings`, `candidate_embeddings`, `table_rows`, `features`, `text` and
            `tfrs_model`.

    Raises:
        InputError: the model has no towers.
    """

    def __init__(self, model) -> None:
        require(
            hasattr(model, "query_embeddings") and hasattr(model, "candidate_embeddings"),
            f"The model {type(model).__name__} has no two towers, which this needs (baselines frozen, stale, "
            "old_index, stale_index and snapshots; probe; loop.validation and loop.later): leave it out, or choose "
            "model=two_tower.",
        )
        self.model = model
        self._traced_for: Same | None = None

    def queries(self, features: dict[str, np.ndarray]) -> tf.Tensor:
        """Vectors `[n, dim]` of query features."""
        self._trace()
        return encode(self._queries, self._read(self.model.table_rows(features)))

    def candidates(self, rows: dict[str, np.ndarray]) -> tf.Tensor:
        """Vectors `[n, dim]` of candidate features, whose ids have got their table rows."""
        self._trace()
        return encode(self._candidates, self._read(rows))

    def _trace(self) -> None:
        variables = self.model.tfrs_model.variables
        if self._traced_for is None or not self._traced_for(variables):
            self._queries = tf.function(self.model.query_embeddings, reduce_retracing=True)
            self._candidates = tf.function(self.model.candidate_embeddings, reduce_retracing=True)
            self._traced_for = Same(variables)

    def _read(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return features if self.model.text is None else self.model.text.read(features)


class TowerScores:
    """An index of the catalogue's vectors and the queries' vectors, multiplied block by block.

    As long as the weights stay, only items that are new, or whose features changed (a new text), are encoded.

    Args:
        towers: of the model.
    """

    def __init__(self, towers: Towers) -> None:
        self.towers, self.model = towers, towers.model
        self.encoded = 0  # rows of the index that the last refresh encoded
        self._version = self._built = 0  # of the weights, and of those that the index was made by
        self.forget()

    def forget(self) -> None:
        """Encodes the whole catalogue at the next call: the weights have changed."""
        self.index, self._known = None, {}
        self._version += 1

    @property
    def lag(self) -> int:
        """Updates of the weights since the whole index was made."""
        return self._version - self._built

    def state(self) -> dict[str, np.ndarray]:
        """The index and the features that it was made of; nothing if there is none."""
        return {} if self.index is None else {"vectors": self.index.numpy()} | self._known

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes back what `state` returned."""
        self.forget()
        if state:
            self.index = tf.constant(state["vectors"])
            self._known = {key: values for key, values in state.items() if key != "vectors"}

    def score(self, history: History, requests: Requests) -> Callable[[slice], tf.Tensor]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        features = self.model.features
        candidates = features.candidates(history, np.arange(len(history.items)))
        return self.score_features(features.users(history, requests) | features.past(history, requests), candidates)

    def score_features(self, asked: dict, candidates: dict) -> Callable[[slice], tf.Tensor]:
        """The same from the features of the requests and of the whole catalogue."""
        of_towers = [{k: v for k, v in f.items() if not k.startswith(BESIDE)} for f in (asked, candidates)]
        self._refresh(self.model.table_rows(of_towers[1]))
        queries, index = self.towers.queries(of_towers[0]), self.index
        return self.model.scores(lambda block: tf.matmul(queries[block], index, transpose_b=True), asked, candidates)

    def _refresh(self, features: dict[str, np.ndarray]) -> None:
        rows = len(next(iter(features.values())))
        stale = np.ones(rows, bool)
        if self.index is not None and self._known.keys() == features.keys():
            size = len(self.index)
            same = [(features[key][:size] == known).reshape(size, -1).all(axis=1) for key, known in self._known.items()]
            stale[:size] = ~np.logical_and.reduce(same)
        self._known, self.encoded = features, int(stale.sum())
        if not self.encoded:
            return
        vectors = self.towers.candidates({key: values[stale] for key, values in features.items()})
        if self.index is None or stale.all():
            self.index, self._built = vectors, self._version
        else:
            grown = tf.pad(self.index, [[0, rows - len(self.index)], [0, 0]])
            self.index = tf.tensor_scatter_nd_update(grown, np.flatnonzero(stale)[:, None], vectors)


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
