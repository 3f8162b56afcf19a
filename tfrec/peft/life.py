"""What becomes of a low-rank change of the encoder when an update is over."""

import numpy as np
import tensorflow as tf

from tfrec.errors import InputError, require
from tfrec.strategies.strategy import Strategy

LIVES = ("continue", "merge", "stack")


class Life(Strategy):
    """After each update, adds the low-rank change to the encoder's weights and starts one anew: `W <- W + s B A`.

    So no update is held to the few directions of the first one.

    Args:
        life: `merge`, or `stack`, which also keeps each update's change, so that it can be taken out again.
        seed: of the new A, with the update's number.

    Attributes: `stacked`, of each update the A and B of all layers, in order.

    Raises:
        InputError: before learning, the encoder's weights are quantised and cannot take a change.
    """

    needs = ("task_losses",)
    sets_weights = merges = True

    def __init__(self, life: str, seed: int = 0) -> None:
        self.life, self.seed, self.updates = life, seed, 0
        self.stacked: list[list[np.ndarray]] = []

    def build(self, model) -> None:
        """Looks whether the weights take a change."""
        for layer in self._layers(model):
            require(
                layer.inner.quantization_mode is None,
                f"peft.life={self.life} adds a change to the encoder's weights, and quantised ones cannot take it: "
                "choose peft.life=continue, or encoder.quantize=null.",
            )

    @staticmethod
    def _layers(model) -> list:
        encoder = model.text.encoder
        return encoder.peft.added(encoder.backbone)

    def consolidate(self, learner, update) -> None:
        """Merges, and starts the change and the optimizer's state of it anew."""
        factors, self.updates = [f for layer in self._layers(learner.model) for f in layer.factors], self.updates + 1
        if self.life == "stack":
            self.stacked.append([factor.numpy() for factor in factors])
        encoder = learner.model.text.encoder
        encoder.peft.merge(encoder.backbone)
        encoder.peft.start_anew(encoder.backbone, self.seed + 1000 * self.updates)
        for factor in factors:
            learner.restart(factor.value, np.arange(factor.shape[0]))

    def take_out(self, model, update: int) -> None:
        """Takes the change of an update, counted from 0, out of the encoder's weights.

        Raises:
            InputError: it was not stacked, or was taken out before.
        """
        if update not in range(len(self.stacked)) or not self.stacked[update]:
            raise InputError(
                f"There is no change of update {update}: of peft.life={self.life}, {len(self.stacked)} were."
            )
        pairs = zip(self.stacked[update][::2], self.stacked[update][1::2], strict=True)
        for layer, (a, b) in zip(self._layers(model), pairs, strict=True):
            change = layer.scale * tf.reshape(tf.matmul(a, b), layer.inner.kernel.shape)
            layer.inner.kernel.value.assign_sub(change)
        self.stacked[update] = []

    def state(self) -> dict:
        """The number of updates, and what was stacked."""
        kept = {f"{n}/{k}": factor for n, each in enumerate(self.stacked) for k, factor in enumerate(each)}
        return kept | {"updates": np.array(self.updates), "number": np.array(len(self.stacked))}

    def restore(self, state: dict) -> None:
        """Takes them back."""
        self.updates = int(state["updates"])
        self.stacked = [[] for _ in range(int(state["number"]))]
        for key in sorted((key for key in state if "/" in key), key=lambda key: [*map(int, key.split("/"))]):
            self.stacked[int(key.split("/")[0])].append(state[key])
