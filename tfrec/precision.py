"""In which number formats a run computes."""

import keras
import tensorflow as tf

from tfrec.errors import InputError, require
from tfrec.slots import inner

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")


class Precision:
    """Dtype policy of both Keras, and the scale of the loss that float16 needs.

    Variables, losses and the optimizer's state are float32 in all of them. float16 has no numbers below 6e-8, so the
    loss is multiplied before its gradients are taken, and they are divided after (Micikevicius et al., ICLR 2018).

    Args:
        policy: `float32`, `mixed_bfloat16` or `mixed_float16`.
        initial_scale: of the loss, under mixed_float16. A step whose gradients are not finite is left out and
            halves it.
        growth_steps: finite steps after which it is doubled.

    Raises:
        InputError: an unknown policy, or a number out of its range.
    """

    def __init__(self, policy: str = "float32", initial_scale: float = 32768.0, growth_steps: int = 2000) -> None:
        require(policy in POLICIES, f"precision.policy is '{policy}': choose {', '.join(POLICIES)}.")
        require(initial_scale >= 1, f"precision.initial_scale is {initial_scale}: choose 1 or more.")
        require(growth_steps >= 1, f"precision.growth_steps is {growth_steps}: choose 1 or more.")
        self.policy, self.initial_scale, self.growth_steps = policy, initial_scale, growth_steps

    def start(self, device: str) -> None:
        """Sets the policy for all layers made from now on.

        Args:
            device: `cpu`, `gpu` or `tpu`.

        Raises:
            InputError: the device does not compute in it.
        """
        self._refuse(device)
        tf.keras.mixed_precision.set_global_policy(self.policy)
        keras.config.set_dtype_policy(self.policy)

    def optimizer(self, optimizer):
        """The optimizer, with a scaled loss where the policy needs one."""
        if self.policy != "mixed_float16":
            return optimizer
        return tf.keras.mixed_precision.LossScaleOptimizer(
            optimizer, initial_scale=self.initial_scale, dynamic_growth_steps=self.growth_steps
        )

    def _refuse(self, device: str) -> None:
        if device == "tpu" and self.policy == "mixed_float16":
            raise InputError("precision=mixed_float16 was chosen, which a TPU does not have: use mixed_bfloat16.")
        needed = {"mixed_float16": (7, 0), "mixed_bfloat16": (8, 0)}
        if device != "gpu" or self.policy not in needed:
            return
        for gpu in tf.config.list_physical_devices("GPU"):
            details = tf.config.experimental.get_device_details(gpu)
            capability = details.get("compute_capability", (0, 0))
            others = [policy for policy in ("mixed_float16",) if needed[policy] <= capability] + ["float32"]
            require(
                capability >= needed[self.policy],
                f"precision={self.policy} needs a GPU of compute capability {'.'.join(map(str, needed[self.policy]))}, "
                f"and {details.get('device_name', gpu.name)} has {'.'.join(map(str, capability))}: use precision="
                f"{' or '.join(others)}.",
            )


def gradients(optimizer, tape: tf.GradientTape, loss: tf.Tensor, variables: list) -> list:
    """Gradients of the loss, taken through the optimizer's scale if it has one."""
    if inner(optimizer) is optimizer:
        return tape.gradient(loss, variables)
    with tape:
        loss = optimizer.get_scaled_loss(loss)
    return optimizer.get_unscaled_gradients(tape.gradient(loss, variables))
