"""How many candidates stand before a target, counted in the graph."""

import numpy as np
import tensorflow as tf

# Columns whose maximum is taken together: of N columns, N / CHUNK maxima and depth * CHUNK scores are searched.
CHUNK = 32


@tf.function(reduce_retracing=True)
def count_ahead(scores, bought, user, item, depth: int, ties: bool):
    """Candidates ranked before each target, among those its user bought before and among the novel ones.

    One pass over the catalogue gives the best `depth` novel candidates; all three views follow from them and
    from the scores of what was bought. Among equal scores the lower row is ranked first, unless `ties`.

    Args:
        scores: `[users, catalogue]`. bought: item rows, `[users, H]`, -1 for none.
        user, item: `[targets]`, the row in `scores` and the item row of each target, -1 if it has none.

    Returns:
        ahead among bought, ahead among novel (exact below `depth`), tied among bought, tied among novel, all
        `[targets]` int32; the last two are 0 unless `ties`.
    """
    bought_scores, places = _of_bought(scores, bought)
    # The padded copy is nobody else's, so the scores of what was bought are taken out of it in place.
    novel = _without(_filled(scores, CHUNK), places)
    top, top_items = _best(novel, tf.minimum(depth, tf.shape(scores)[1]), CHUNK)
    own = tf.gather_nd(scores, tf.stack([user, tf.maximum(item, 0)], axis=-1))
    old = _compare(own, item, tf.gather(bought_scores, user), tf.gather(bought, user), ties)
    new = _compare(own, item, tf.gather(top, user), tf.gather(top_items, user), ties)
    if ties:
        # Ties of a score above the last of the top are all in the top; those of the last one may go on below it.
        last = tf.gather(top[:, -1], user)
        at_last = tf.gather(tf.math.count_nonzero(novel == top[:, -1:], axis=1, dtype=tf.int32), user)
        itself = tf.reduce_all(tf.gather(bought, user) != item[:, None], axis=1)
        new = new[0], tf.where(own == last, at_last - tf.cast(itself, tf.int32), new[1])
    return old[0], new[0], old[1], new[1]


@tf.function(reduce_retracing=True)
def count_all_ahead(scores, bought, user, item, ties: bool):
    """The same as `count_ahead`, exact at any depth: each target is compared with the whole catalogue."""
    bought_scores, places = _of_bought(scores, bought)
    novel, columns = _without(scores, places), tf.range(tf.shape(scores)[1])
    own = tf.gather_nd(scores, tf.stack([user, tf.maximum(item, 0)], axis=-1))
    old = _compare(own, item, tf.gather(bought_scores, user), tf.gather(bought, user), ties)

    def one(target):
        counts = _compare(target[1][None], target[2][None], novel[target[0]][None], columns[None], ties)
        return counts[0][0], counts[1][0]

    new = tf.map_fn(one, (user, own, item), fn_output_signature=(tf.int32, tf.int32))
    return old[0], new[0], old[1], new[1]


def best(scores, depth: int, chunk: int = CHUNK):
    """The `depth` largest scores of each row and their columns, largest first, ties by column: `[rows, depth]`.

    Args:
        scores: `[rows, columns]`, finite.
    """
    return _best(_filled(scores, chunk), tf.minimum(depth, tf.shape(scores)[1]), chunk)


def best_in_blocks(scores, requests: int, depth: int, block: int) -> np.ndarray:
    """The columns of the `depth` best items of each request, `[requests, at most depth]`, ranked `block` at once.

    Args:
        scores: gives, for a slice of the requests, scores `[block, columns]`.
    """
    slices = (slice(start, start + block) for start in range(0, requests, block))
    return np.concatenate([best(tf.convert_to_tensor(scores(some)), depth)[1].numpy() for some in slices])


def _of_bought(scores, bought):
    """The scores of what was bought, `[users, H]`, minus infinity for none, and where they stand, `[entries, 2]`."""
    theirs = tf.where(bought >= 0, tf.gather(scores, tf.maximum(bought, 0), batch_dims=1), -np.inf)
    places = tf.where(bought >= 0)
    return theirs, tf.stack([tf.cast(places[:, 0], tf.int32), tf.gather_nd(bought, places)], axis=-1)


def _without(scores, places):
    """The scores with minus infinity in `places`."""
    return tf.tensor_scatter_nd_update(
        scores, places, tf.fill(tf.shape(places)[:1], tf.constant(-np.inf, scores.dtype))
    )


def _filled(scores, chunk: int):
    """The scores with columns of minus infinity up to a whole number of chunks."""
    return tf.pad(scores, [[0, 0], [0, -tf.shape(scores)[1] % chunk]], constant_values=-np.inf)


def _best(scores, depth, chunk: int):
    """`best` of whole chunks of columns.

    What is among the best is in one of the `depth` chunks with the largest maxima (lower chunks first among equals),
    so only those are searched: a third of the time of searching all on CPU, and as exact.
    """
    chunks = tf.reshape(scores, [tf.shape(scores)[0], -1, chunk])
    _, chosen = tf.math.top_k(tf.reduce_max(chunks, axis=2), tf.minimum(depth, tf.shape(chunks)[1]))
    chosen = tf.sort(chosen, axis=1)
    searched = tf.reshape(tf.gather(chunks, chosen, batch_dims=1), [tf.shape(scores)[0], -1])
    top, place = tf.math.top_k(searched, depth)
    return top, tf.gather(chosen, place // chunk, batch_dims=1) * chunk + place % chunk


def _compare(own, item, scores, rows, ties: bool):
    """How many of `rows` `[targets, C]` with `scores` stand before, and how many beside, each target `[targets]`.

    What is not there has a score of minus infinity, which is neither.
    """
    better, beside = scores > own[:, None], scores == own[:, None]
    if ties:
        beside &= rows != item[:, None]
        return tuple(tf.math.count_nonzero(mask, axis=1, dtype=tf.int32) for mask in (better, beside))
    before = better | (beside & (rows < item[:, None]))
    return tf.math.count_nonzero(before, axis=1, dtype=tf.int32), tf.zeros_like(item)
