"""What a replica of the step does with its share of a batch; with one device, nothing."""

import tensorflow as tf


def share(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """This replica's rows of a whole batch, `[rows / replicas, ...]` each."""
    if not distributed():
        return batch
    replica = tf.distribute.get_replica_context()
    count, number = replica.num_replicas_in_sync, replica.replica_id_in_sync_group
    return {key: tf.gather(tf.reshape(v, [count, -1, *v.shape[1:]]), number) for key, v in batch.items()}


def gathered(values: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, in their order: `[rows * replicas, ...]`; gradients go back to whose rows they were."""
    if not distributed():
        return values
    replica = tf.distribute.get_replica_context()
    if values.dtype == tf.bfloat16:  # which TensorFlow's gather does not know; float32 holds it exactly
        return tf.cast(replica.all_gather(tf.cast(values, tf.float32), axis=0), values.dtype)
    return replica.all_gather(values, axis=0)


def rows_before(rows) -> tf.Tensor:
    """How many rows the replicas before this one have, if each has as many as this one."""
    if not distributed():
        return tf.zeros_like(rows)
    return rows * tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, rows.dtype)


def distributed() -> bool:
    """Whether this is one replica among several."""
    replica = tf.distribute.get_replica_context()  # None outside of the replicas
    return replica is not None and replica.num_replicas_in_sync > 1
