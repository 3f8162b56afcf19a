"""Several devices as one: the `tf.distribute` strategies that a runtime may choose."""

import json
import os

import tensorflow as tf

from tfrec.errors import InputError, require


def one_device(device: str, replicas: int | None) -> tf.distribute.Strategy:
    """No distribution; a TPU's cores are reached through its own strategy."""
    require(replicas in (None, 1), f"runtime.replicas is {replicas}, of one device: choose runtime=mirrored.")
    _require_gpu(device)
    return tpu() if device == "tpu" else tf.distribute.get_strategy()


def mirrored(device: str, replicas: int | None) -> tf.distribute.Strategy:
    """The devices of one machine, each with all variables.

    Args:
        device: `gpu`, or `cpu`: so many logical devices of one processor, to try things out.
        replicas: how many; None takes all GPUs.
    """
    require(device in ("cpu", "gpu"), f"runtime=mirrored has device={device}: choose gpu or cpu.")
    if device == "gpu":
        found = len(tf.config.list_physical_devices("GPU"))
        wanted = found if replicas is None else replicas
        require(
            1 < wanted <= found,
            f"runtime=mirrored was chosen with {replicas or 'all'} GPUs, and TensorFlow sees {found}: use runtime=gpu "
            "or cpu, or runtime.device=cpu runtime.replicas=2 to try it on a processor.",
        )
        return tf.distribute.MirroredStrategy([f"GPU:{n}" for n in range(wanted)])
    require(
        replicas is not None and replicas > 1,
        f"runtime=mirrored on a processor has replicas={replicas}: choose 2 or more logical devices.",
    )
    (processor,) = tf.config.list_physical_devices("CPU")
    try:
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * replicas)
    except RuntimeError as error:  # TensorFlow has started
        if len(tf.config.list_logical_devices("CPU")) != replicas:
            raise InputError(
                f"runtime=mirrored needs {replicas} logical devices, but an earlier run of this process has started "
                "TensorFlow with others: start it in a process of its own."
            ) from error
    return tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(replicas)])


def multi_worker(device: str, replicas: int | None) -> tf.distribute.Strategy:
    """The processes that `TF_CONFIG` names, on one machine or several, each with all variables."""
    require(
        replicas is None, "runtime.replicas is set, but with runtime=multi_worker TF_CONFIG says how many there are."
    )
    require(device in ("cpu", "gpu"), f"runtime=multi_worker has device={device}: choose cpu or gpu.")
    _require_gpu(device)
    worker()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise InputError(
            f"runtime=multi_worker must be the first run of its process: leave -m away. ({error})"
        ) from error


def tpu() -> tf.distribute.Strategy:
    """All cores of the TPU that this machine, or `TPU_NAME`, gives."""
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(os.environ.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except Exception as error:  # whatever the platform's libraries raise where there is none
        raise InputError(
            "runtime=tpu was chosen, but TensorFlow finds no TPU: use runtime=cpu or runtime=gpu."
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def worker() -> int:
    """Which of the workers in `TF_CONFIG` this process is.

    Raises:
        InputError: there are not two or more workers and the number of one of them.
    """
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        found = json.loads(text)
        workers, task = found["cluster"]["worker"], found["task"]
        known = set(found["cluster"]) == {"worker"} and task["type"] == "worker" and isinstance(workers, list)
        valid = known and len(workers) > 1 and task["index"] in range(len(workers))
    except (ValueError, TypeError, KeyError):
        valid = False
    example = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'
    require(
        valid,
        "runtime=multi_worker needs the environment variable TF_CONFIG with two or more workers, nothing but workers, "
        f"and each one's own index, such as {example}, and it is {text[:120]}: see docs/performance.md, or choose "
        "runtime=cpu, gpu or mirrored.",
    )
    return task["index"]


def _require_gpu(device: str) -> None:
    require(
        device != "gpu" or len(tf.config.list_physical_devices("GPU")) > 0,
        "runtime.device=gpu was chosen, but TensorFlow sees no GPU: use runtime=cpu.",
    )


DISTRIBUTIONS = {"none": one_device, "mirrored": mirrored, "multi_worker": multi_worker}
