"""New queries that find items in the old index."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.memories.before import outputs_before
from tfrec.strategies.strategy import Strategy


class BackwardCompatible(Strategy):
    """Adds `weight * L(q, c')`: the loss of the new query vectors on the item vectors of before the update (backward-
    compatible training, Shen et al., CVPR 2020).

    So an index that is not rebuilt (`baseline=old_index`) serves the new queries. `c'` are those of the weights with
    which the update began.

    Args:
        weight: of the loss.

    Raises:
        InputError: the weight is negative.
    """

    needs = ("task_losses", "before", "choices")
    compares = True

    def __init__(self, weight: float = 1.0) -> None:
        require(weight >= 0, f"strategy.backward_compatible.weight is {weight}: choose 0 or more.")
        self.weight = weight

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: the weighted mean; 0 where nothing was said before."""
        then = outputs_before(batch)
        if then is None or "candidate" not in then:
            return 0.0
        choices = model.choices({"query": outputs["query"], "candidate": then["candidate"]}, batch)
        losses = -tf.reduce_sum(choices.chosen * choices.log_p(), axis=1)
        return self.weight * tf.reduce_mean(losses)
