"""Where and in which number formats a run computes."""

import random
import resource

import keras
import numpy as np
import tensorflow as tf

from tfrec.errors import InputError, require


class Runtime:
    """Device, precision and repeatability of a run.

    Args:
        jit_compile: whether XLA compiles the step: pays on a GPU; on CPU measured slower for id towers.
        precision: dtype policy of both Keras, `float32` or `mixed_bfloat16`.
        deterministic: the same seed gives the same numbers bit for bit; needed to resume exactly.
        device: `cpu` (a GPU that is there is left alone) or `gpu`.

    Raises:
        InputError: the device is not there, or the precision is neither of the two.
    """

    def __init__(self, device="cpu", jit_compile=False, precision="float32", deterministic=True) -> None:
        require(
            precision in ("float32", "mixed_bfloat16"),
            f"runtime.precision is '{precision}': choose float32 or mixed_bfloat16.",
        )
        self.device, self.jit_compile, self.precision = device, jit_compile, precision
        self.deterministic = deterministic
        require(device in ("cpu", "gpu"), f"runtime.device is '{device}': choose cpu or gpu.")
        if device == "gpu" and not tf.config.list_physical_devices(device.upper()):
            raise InputError(f"runtime={device} was chosen, but TensorFlow sees no {device.upper()}: use runtime=cpu.")

    def start(self, seed: int) -> None:
        """Clears what an earlier run of this process left, sets both Keras' policies and all seeds."""
        for library in (tf.keras.backend, keras.utils):
            library.clear_session()
        if self.device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        tf.keras.mixed_precision.set_global_policy(self.precision)
        keras.config.set_dtype_policy(self.precision)
        if self.deterministic:
            tf.config.experimental.enable_op_determinism()
        random.seed(seed)
        np.random.seed(seed)
        tf.random.set_seed(seed)
        keras.utils.set_random_seed(seed)


def peak_memory() -> int:
    """Largest resident size of the process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
