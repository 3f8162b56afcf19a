"""On which devices a run computes, and how repeatably."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import tensorflow as tf

from tfrec.distribution import DISTRIBUTIONS, worker
from tfrec.errors import require
from tfrec.memory import keep_freed_memory
from tfrec.profiling import Profile

log = logging.getLogger(__name__)


class Runtime:
    """Devices, compilation and repeatability of a run.

    Args:
        device: `cpu` (a GPU that is there is left alone), `gpu` or `tpu`.
        distribution: `none`, `mirrored` (devices of one machine) or `multi_worker` (processes, by `TF_CONFIG`).
        replicas: of `mirrored`; None takes all GPUs.
        jit_compile: whether XLA compiles the step: pays on a GPU; on CPU measured slower for id towers.
        deterministic: the same seed gives the same numbers bit for bit; needed to resume exactly.
        profile_steps: steps of which a trace is written to TensorBoard, once the first calls are over; 0 for none.

    Raises:
        InputError: an unknown device or distribution, or two that were never tried together.
    """

    def __init__(
        self,
        device: str = "cpu",
        distribution: str = "none",
        replicas: int | None = None,
        jit_compile: bool = False,
        deterministic: bool = True,
        profile_steps: int = 0,
    ) -> None:
        require(device in ("cpu", "gpu", "tpu"), f"runtime.device is '{device}': choose cpu, gpu or tpu.")
        require(
            distribution in DISTRIBUTIONS,
            f"runtime.distribution is '{distribution}': choose {', '.join(DISTRIBUTIONS)}.",
        )
        require(
            not jit_compile or distribution == "none",
            f"runtime.jit_compile=true was never run with distribution={distribution} (TensorFlow failed at it on two "
            "logical processors): choose runtime.jit_compile=false, or one device.",
        )
        require(profile_steps >= 0, f"runtime.profile_steps is {profile_steps}: choose 0 or more.")
        self.device, self.distribution, self.replicas = device, distribution, replicas
        self.jit_compile, self.deterministic, self.profile_steps = jit_compile, deterministic, profile_steps
        self.strategy = tf.distribute.get_strategy()

    def start(self, seed: int) -> None:
        """Clears what an earlier run of this process left, takes hold of the devices and sets all seeds.

        Raises:
            InputError: the devices are not there.
        """
        keep_freed_memory()
        if self.device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        # Before anything computes: TensorFlow takes neither logical devices nor workers later.
        self.strategy = DISTRIBUTIONS[self.distribution](self.device, self.replicas)
        if self.device == "tpu" or self.device == "gpu" and self.distribution != "none":
            log.warning("tfrec's tests never ran on this kind of devices: compare with a run on one device first")
        for library in (tf.keras.backend, keras.utils):
            library.clear_session()
        if self.deterministic:
            tf.config.experimental.enable_op_determinism()
        random.seed(seed)
        np.random.seed(seed)
        tf.random.set_seed(seed)
        keras.utils.set_random_seed(seed)

    @contextmanager
    def profile(self, folder: Path) -> Iterator[Profile | None]:
        """What traces steps into a run's folder, if any are asked for; what there is at the end is written."""
        profile = Profile(folder, self.profile_steps) if self.profile_steps else None
        try:
            yield profile
        finally:
            if profile is not None:
                profile.close()

    @property
    def chief(self) -> bool:
        """Whether this process writes the run's folder: the first worker does, or the only process."""
        return self.distribution != "multi_worker" or worker() == 0

    @contextmanager
    def own_folder(self, folder: Path) -> Iterator[Path]:
        """Where this process writes: the run's folder, or, as other workers write the same as the chief, nowhere."""
        if self.chief:
            yield folder
            return
        with TemporaryDirectory(prefix="tfrec-worker-") as nowhere:
            yield Path(nowhere)

    def lost_worker(self, error: Exception) -> str | None:
        """What to do if a run ended because another worker is gone; None for other errors."""
        lost = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError)
        if self.distribution != "multi_worker" or not isinstance(error, (*lost, tf.errors.DeadlineExceededError)):
            return None
        return (
            "Another worker of this run is gone or out of reach: start all of them again with resume=auto, and they go "
            f"on from the last checkpoint. ({type(error).__name__})"
        )
