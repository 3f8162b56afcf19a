"""The most probable ids among the valid ones."""

from collections.abc import Callable

import tensorflow as tf

NEVER = -1e30  # log probability of what is no id


def beam_search(log_p: Callable, trie, beam: int, n: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """In graph: leaves of `trie`, the most probable first, and their log probabilities, `[n, up to beam]` each.

    A beam of at least all valid ids finds all of them. What is no id has a log probability of `NEVER`.

    Args:
        log_p: of prefixes `[n, width, place]` gives log P of the next code, `[n, width, codes of the place]`.
        trie: a `Trie`.
        beam: prefixes that are kept at each place.
        n: requests.
    """
    node, total = tf.zeros((n, 1), tf.int32), tf.zeros((n, 1))
    prefix = tf.zeros((n, 1, 0), tf.int32)
    for first, size, code, children in zip(trie.first, trie.size, trie.code, trie.widths, strict=True):
        place = tf.range(children)
        child = tf.minimum(tf.gather(first, node)[..., None] + place, len(code) - 1)  # [n, width, children]
        codes = tf.gather(code, child)
        step = tf.gather(log_p(prefix), codes, batch_dims=2)
        there = (place < tf.gather(size, node)[..., None]) & (total > NEVER)[..., None]
        step = tf.where(there, total[..., None] + step, NEVER)
        kept = min(beam, node.shape[1] * children)
        total, chosen = tf.math.top_k(tf.reshape(step, (n, node.shape[1] * children)), kept)
        parent = tf.gather(prefix, chosen // children, batch_dims=1)
        node = tf.gather(tf.reshape(child, (n, -1)), chosen, batch_dims=1)
        last = tf.gather(tf.reshape(codes, (n, -1)), chosen, batch_dims=1)
        prefix = tf.concat([parent, last[..., None]], axis=2)
    return node, total
