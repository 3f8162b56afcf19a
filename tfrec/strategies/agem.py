"""Averaged gradient episodic memory."""

import tensorflow as tf

from tfrec.strategies.replay import Replay


class Agem(Replay):
    """`g + max(0, -<g, g_r>) / <g_r, g_r> g_r`: a step must not raise the loss of the memory's rows, whose gradient is
    `g_r` (A-GEM, Chaudhry et al., ICLR 2019).

    Both gradients are of the loss with all penalties, g of the batch's own rows, `g_r` of those drawn from the memory;
    the negatives of both are the items of the own rows. Every step costs two, and a pass over all weights.

    Args:
        memory, ratio: see `Replay`.
    """

    needs = ("task_losses",)
    of_rows = twice = True
    share = 0.0

    def joined(self, batch: dict, size: int, rows: dict, number: int) -> dict:
        """The batch followed by rows of the memory, marked by `agem/row`."""
        return self.weighed(batch, size, rows, number)

    def gradients(self, tape_fn, batch: dict):
        """In graph: the losses of the batch's own rows, and the gradients after the projection."""
        if "agem/row" not in batch:
            return tape_fn(batch)
        losses, slopes = tape_fn(batch)
        _, reference = tape_fn(batch | {"row_weight": batch["agem/row"] / tf.reduce_mean(batch["agem/row"])})
        return losses, projected(slopes, reference)


def projected(slopes: list, reference: list) -> list:
    """`g - min(0, <g, r>) / <r, r> r` over all variables together; None stays None."""
    dense = [None if slope is None else tf.convert_to_tensor(slope) for slope in slopes]
    other = [None if slope is None else tf.convert_to_tensor(slope) for slope in reference]
    pairs = [(g, r) for g, r in zip(dense, other, strict=True) if g is not None and r is not None]
    product = tf.add_n([tf.reduce_sum(g * r) for g, r in pairs])
    length = tf.add_n([tf.reduce_sum(r * r) for _, r in pairs])
    share = tf.minimum(product, 0.0) / tf.maximum(length, 1e-30)
    return [g if g is None or r is None else g - share * r for g, r in zip(dense, other, strict=True)]
