"""Updates of numbered rows, and a model whose outputs are read from the rows."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from tfrec.data.examples import Examples, Update


def update_of(numbers, item=None, period=0, fresh=0, periods=None, **features):
    """An update whose examples carry their number in the stream, and more features by name, `[len(numbers), ...]`.

    Args:
        item: of each example; all are item 0, if not given.
    """
    numbers = np.asarray(numbers)
    item = np.zeros(len(numbers), int) if item is None else np.asarray(item)
    queries = {"number": numbers, **{key: np.asarray(values) for key, values in features.items()}}
    items = np.arange(item.max(initial=0) + 1)
    candidates = {"item": items, "category/kind": items % 2}
    return Update(period, Examples(queries, np.arange(len(numbers)), item), candidates, fresh, periods)


class Read:
    """The loss of a row is its feature `loss`, the vector of a request its feature `vector`."""

    query_embeddings = None

    def batch(self, rows, learning):
        assert not learning
        return rows

    def __call__(self, batch, training):
        assert not training
        return {}

    def task_losses(self, outputs, batch, training):
        assert not training
        return {"one": batch["loss"], "other": tf.zeros_like(batch["loss"])}

    def before(self, queries, candidates):
        return {"query": queries["vector"]}, {}


LEARNER = SimpleNamespace(model=Read())


def offered(memory, *updates):
    """The memory after these updates."""
    for update in updates:
        memory.offer(LEARNER, update)
    return memory


def numbers(memory):
    """Numbers of the rows that are kept, in order."""
    return sorted(memory.kept()["number"].tolist())
