"""How many candidates stand before a target, counted in the graph."""

import tensorflow as tf


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
    lowest = scores.dtype.min
    bought_scores = tf.gather(scores, tf.maximum(bought, 0), batch_dims=1)
    places = tf.where(bought >= 0)
    places = tf.stack([tf.cast(places[:, 0], tf.int32), tf.gather_nd(bought, places)], axis=-1)
    novel = tf.tensor_scatter_nd_update(scores, places, tf.fill(tf.shape(places)[:1], lowest))
    top, top_items = best(novel, depth)
    top_items = tf.where(top > lowest, top_items, -1)
    own = tf.gather_nd(scores, tf.stack([user, tf.maximum(item, 0)], axis=-1))
    old = _compare(own, item, tf.gather(bought_scores, user), tf.gather(bought, user), ties)
    new = _compare(own, item, tf.gather(top, user), tf.gather(top_items, user), ties)
    if ties:
        # Ties of a score above the last of the top are all in the top; those of the last one may go on below it.
        last = tf.gather(top[:, -1], user)
        at_last = tf.gather(tf.reduce_sum(tf.cast(novel == top[:, -1:], tf.int32), axis=1), user)
        itself = tf.reduce_all(tf.gather(bought, user) != item[:, None], axis=1)
        new = new[0], tf.where(own == last, at_last - tf.cast(itself, tf.int32), new[1])
    return old[0], new[0], old[1], new[1]


@tf.function(reduce_retracing=True)
def count_all_ahead(scores, bought, user, item, ties: bool):
    """The same as `count_ahead`, exact at any depth: each target is compared with the whole catalogue."""
    lowest, columns = scores.dtype.min, tf.range(tf.shape(scores)[1])
    bought_scores = tf.gather(scores, tf.maximum(bought, 0), batch_dims=1)
    places = tf.where(bought >= 0)
    places = tf.stack([tf.cast(places[:, 0], tf.int32), tf.gather_nd(bought, places)], axis=-1)
    novel = tf.tensor_scatter_nd_update(scores, places, tf.fill(tf.shape(places)[:1], lowest))
    own = tf.gather_nd(scores, tf.stack([user, tf.maximum(item, 0)], axis=-1))
    old = _compare(own, item, tf.gather(bought_scores, user), tf.gather(bought, user), ties)

    def one(target):
        row, score, column = novel[target[0]], target[1], target[2]
        real = tf.where(row > lowest, columns, -1)
        counts = _compare(score[None], column[None], row[None], real[None], ties)
        return counts[0][0], counts[1][0]

    new = tf.map_fn(one, (user, own, item), fn_output_signature=(tf.int32, tf.int32))
    return old[0], new[0], old[1], new[1]


def best(scores, depth: int, chunk: int = 64):
    """The `depth` largest scores of each row and their columns, largest first, ties by column: `[rows, depth]`.

    What is among the best is in one of the `depth` chunks of columns with the largest maxima (lower chunks first
    among equals), so only those are searched: half the time of searching all on CPU, and as exact.

    Args:
        scores: `[rows, columns]`.
    """
    rows, columns = tf.shape(scores)[0], tf.shape(scores)[1]
    filled = tf.pad(scores, [[0, 0], [0, -columns % chunk]], constant_values=scores.dtype.min)
    chunks = tf.reshape(filled, [rows, -1, chunk])
    _, chosen = tf.math.top_k(tf.reduce_max(chunks, axis=2), tf.minimum(depth, tf.shape(chunks)[1]))
    chosen = tf.sort(chosen, axis=1)
    searched = tf.reshape(tf.gather(chunks, chosen, batch_dims=1), [rows, -1])
    top, place = tf.math.top_k(searched, tf.minimum(depth, columns))
    return top, tf.gather(chosen, place // chunk, batch_dims=1) * chunk + place % chunk


def _compare(own, item, scores, rows, ties: bool):
    """How many of `rows` `[targets, C]` with `scores` stand before, and how many beside, each target `[targets]`."""
    real = rows >= 0
    better = (scores > own[:, None]) & real
    beside = (scores == own[:, None]) & real & (rows != item[:, None])
    if not ties:
        better, beside = better | (beside & (rows < item[:, None])), tf.zeros_like(beside)
    return tuple(tf.math.count_nonzero(mask, axis=1, dtype=tf.int32) for mask in (better, beside))
