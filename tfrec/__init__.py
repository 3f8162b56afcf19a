"""Keep e-commerce search and recommendation models fresh.

Importing tfrec fixes, before TensorFlow loads, how the two Keras live in one process: towers, tasks and
optimizers are tf_keras (Keras 2), as TensorFlow Recommenders needs; text encoders are Keras 3 models.
"""

import os
import sys


def _choose_keras() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    keras3 = sys.modules.get("keras")
    if keras3 is not None and keras3.backend.backend() != "tensorflow":
        raise ImportError(
            f"keras was imported with the backend '{keras3.backend.backend()}' before tfrec: import tfrec "
            "first, or set KERAS_BACKEND=tensorflow."
        )
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and not tensorflow.keras.Model.__module__.startswith("tf_keras"):
        raise ImportError(
            "TensorFlow was imported with Keras 3 before tfrec, but TensorFlow Recommenders needs Keras 2: "
            "import tfrec first, or set TF_USE_LEGACY_KERAS=1."
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["KERAS_BACKEND"] = "tensorflow"


_choose_keras()
