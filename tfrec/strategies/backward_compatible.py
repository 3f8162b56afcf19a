"""New queries that find items in the old index."""

import tensorflow as tf

from tfrec.strategies.distillation import Distillation


class BackwardCompatible(Distillation):
    """Adds `weight * L(q, c')`: the loss of the new query vectors on the item vectors of before the update (backward-
    compatible training, Shen et al., CVPR 2020).

    So an index that is not rebuilt (`baseline=old_index`) serves the new queries. `c'` are those of the weights with
    which the update began, and L is the model's loss of retrieval, with its log Q. What that loss draws beside the
    batch's items has the vectors of now.

    Args:
        weight: of the loss.

    Raises:
        InputError: the weight is negative.
    """

    needs = ("task_losses", "before", "retrieval_loss")

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__(weight)

    def row_losses(self, model, batch: dict, outputs: dict, then: dict):
        """In graph, `[batch]`; see `Distillation`."""
        old = tf.cast(then["candidate"], outputs["candidate"].dtype)
        drawn = tf.stop_gradient(outputs["candidate"][tf.shape(old)[0] :])
        vectors = {"query": outputs["query"], "candidate": tf.concat([old, drawn], axis=0)}
        return model.retrieval_loss.of_batch(vectors, batch, training=False)  # which keeps no vectors of then
