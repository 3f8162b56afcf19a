"""New queries that find items in the old index."""

import tensorflow as tf

from tfrec.strategies.distillation import Distillation


class BackwardCompatible(Distillation):
    """Adds `weight * L(q, c')`: the loss of the new query vectors on the item vectors of before the update (backward-
    compatible training, Shen et al., CVPR 2020).

    So an index that is not rebuilt (`baseline=old_index`) serves the new queries. `c'` are those of the weights with
    which the update began.

    Args:
        weight: of the loss.

    Raises:
        InputError: the weight is negative.
    """

    needs = (*Distillation.needs, "candidate_embeddings")

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__(weight)

    def row_losses(self, model, batch: dict, outputs: dict, then: dict):
        """In graph, `[batch]`; see `Distillation`."""
        choices = model.choices({"query": outputs["query"], "candidate": then["candidate"]}, batch)
        return -tf.reduce_sum(choices.chosen * choices.log_p(), axis=1)
