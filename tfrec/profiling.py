"""A trace of steady-state steps for TensorBoard."""

import logging
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

log = logging.getLogger(__name__)

_WARM_UP = 2  # calls: in the first one graphs are traced and variables made


class Profile:
    """Traces some calls of the graph, with what the host does meanwhile, and writes the trace once.

    Args:
        folder: the run's; the trace goes to `plugins/profile/` in it, where TensorBoard's profile plugin looks.
        steps: the trace ends with the call in which it has so many.
    """

    def __init__(self, folder: str | Path, steps: int) -> None:
        self.folder, self.steps = str(folder), steps
        self._calls = self._traced = 0
        self._written = False

    @contextmanager
    def __call__(self, step: int, steps: int):
        """Around a call of the graph that makes `steps` steps, the last of which has the number `step`."""
        self._calls += 1
        if self._written or self._calls <= _WARM_UP:
            yield
            return
        if not self._traced:
            tf.profiler.experimental.start(self.folder)
        self._traced += steps  # before the call, which may fail: what was started is to be stopped
        with tf.profiler.experimental.Trace("learn", step_num=step, _r=1):
            yield
        if self._traced >= self.steps:
            self.close()

    def close(self) -> None:
        """Writes the trace of what there was, if it is not written yet."""
        if not self._written and self._traced:
            tf.profiler.experimental.stop()
            log.info("a trace of %d steps is in %s/plugins/profile", self._traced, self.folder)
        elif not self._written:
            log.warning(
                "no trace: the first %d calls of the graph are for warming up, and there were no others", _WARM_UP
            )
        self._written = True
