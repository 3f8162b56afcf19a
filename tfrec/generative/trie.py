"""All valid ids as a tree in arrays."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Trie:
    """For each place of an id, the nodes that lead there, in the order of their codes: a node's children are a run.

    Arrays are filled up to powers of two, so that a graph of them outlives most growth.

    Args:
        first, size: by place, the first child of each node and how many it has, `[nodes]`.
        code: by place, the code of each child, `[children]`. A child's number is its node's at the next place.
        widths: by place, no node has more children, a power of two.
        item: row of the item of each leaf, `[leaves]`.
        leaves: how many are real.
    """

    first: list[tf.Tensor]
    size: list[tf.Tensor]
    code: list[tf.Tensor]
    widths: tuple[int, ...]
    item: tf.Tensor
    leaves: int

    @classmethod
    def of(cls, ids: np.ndarray, rows: np.ndarray | None = None) -> "Trie":
        """The trie of different ids: of some `rows` of `ids` `[items, places]`, or of all."""
        rows = np.arange(len(ids)) if rows is None else rows
        ids = ids[rows]
        order = np.lexsort(ids.T[::-1])
        parent, firsts, sizes, codes = np.zeros(len(ids), np.int64), [], [], []
        for column in ids[order].T:
            new = np.append(True, (np.diff(parent) != 0) | (np.diff(column) != 0))[: len(ids)]
            children = np.bincount(parent[new])
            firsts.append(np.cumsum(children) - children)
            sizes.append(children)
            codes.append(column[new])
            parent = np.cumsum(new) - 1
        if len(codes[-1]) < len(ids):
            raise ValueError("Some items have the same id.")
        widths = tuple(_power(int(size.max(initial=1))) for size in sizes)
        tensors = [[_filled(array) for array in arrays] for arrays in (firsts, sizes, codes)]
        return cls(*tensors, widths, _filled(rows[order]), len(ids))


def _power(least: int) -> int:
    return 1 << (max(least, 1) - 1).bit_length()


def _filled(array: np.ndarray) -> tf.Tensor:
    filled = np.zeros(_power(len(array)), np.int32)
    filled[: len(array)] = array
    return tf.constant(filled)
