"""The best items of requests, by a beam search in one graph."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec.generative.beam import beam_search
from tfrec.generative.semantic_ids import SemanticIds
from tfrec.generative.trie import Trie
from tfrec.slots import Same

BLOCK = 128  # requests that are answered at once


class Search:
    """Finds the items with the largest P(id | request) among those that have an id.

    Args:
        ids: of the items.
        encoded: in graph, gives of features of requests the memory and its mask.
        next_log_p: in graph, see `IdModel`.
        beam: prefixes that are kept at each place.
    """

    def __init__(self, ids: SemanticIds, encoded: Callable, next_log_p: Callable, beam: int) -> None:
        self.ids, self.encoded, self.next_log_p, self.beam = ids, encoded, next_log_p, beam
        self._traced_for: Same | None = None
        self._trie: tuple[np.ndarray, Trie] | None = None

    def __call__(self, features: dict[str, np.ndarray], variables: list) -> tuple[np.ndarray, np.ndarray]:
        """Item rows, the most probable first, and their log P, `[n, up to beam]` each; `NEVER` is no item.

        Args:
            features: of `n` requests. variables: of the model; the graph is traced anew when one was replaced.
        """
        trie = self._known_ids()
        if self._traced_for is None or not self._traced_for(variables):
            self._graph, self._traced_for = tf.function(self._block), Same(variables)
        n, parts = len(features["user"]), []
        for start in range(0, max(n, 1), BLOCK):
            part = {key: _filled(values[start : start + BLOCK]) for key, values in features.items()}
            found = self._graph(part, trie.first, trie.size, trie.code, trie.item, trie.widths)
            parts.append([array.numpy() for array in found])
        items, log_p = (np.concatenate(arrays)[:n] for arrays in zip(*parts, strict=True))
        return items, log_p

    def _block(self, features, first, size, code, item, widths):
        memory, mask = self.encoded(features)
        trie = Trie(first, size, code, widths, item, 0)
        leaf, log_p = beam_search(lambda prefix: self.next_log_p(prefix, memory, mask), trie, self.beam, BLOCK)
        return tf.gather(item, leaf), log_p

    def _known_ids(self) -> Trie:
        """The trie of all ids, made anew when they change, be it by a checkpoint."""
        ids = self.ids.all
        if self._trie is None or not np.array_equal(self._trie[0], ids):
            self._trie = ids, Trie.of(ids, np.flatnonzero(~self.ids.hidden))
        return self._trie[1]


def _filled(values: np.ndarray) -> tf.Tensor:
    """Features of a block, filled up with zeros to its full length."""
    return tf.convert_to_tensor(np.pad(values, [(0, BLOCK - len(values)), *[(0, 0)] * (values.ndim - 1)]))
