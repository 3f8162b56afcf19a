"""From losses of rows to numbers whose gradients add up over replicas."""

import tensorflow as tf


def mean_per_task(losses: dict[str, tf.Tensor], weight=1.0) -> dict[str, tf.Tensor]:
    """Mean of each task's row losses, `[batch]`, over the global batch: the local mean divided by the replicas.

    Args:
        weight: of each row, `[batch]`; they need not add up to anything.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return {task: tf.reduce_mean(loss * weight) / replicas for task, loss in losses.items()}
