"""Learning rates of their own for the text encoder, the ids and the towers."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.peft.peft import blocks
from tfrec.strategies.strategy import Strategy


class Rates(Strategy):
    """`w <- w_before + rate * (w - w_before)`, with a rate for each part of the model.

    Under an optimizer whose step is proportional to its learning rate (SGD, Adagrad, Adam, with decay of weights or
    not) this is a learning rate of `rate` times the optimizer's, and one optimizer has the state of all. Of n
    transformer layers, layer k from 0 on learns at `encoder * layer_decay^(n - 1 - k)`, what comes before the first at
    `encoder * layer_decay^n` (Howard and Ruder, ACL 2018).

    Args:
        encoder, ids, towers: rates of the encoder, of the tables of ids and of all other weights, relative to the
            optimizer's. layer_decay: what a layer's rate is of that of the layer above.

    Raises:
        InputError: a rate is negative, or `layer_decay` is not above 0, up to 1.
    """

    needs = ("task_losses", "rows_since")
    moves = True

    def __init__(self, encoder: float = 0.1, ids: float = 1.0, towers: float = 1.0, layer_decay: float = 1.0) -> None:
        rates = f"encoder={encoder}, ids={ids}, towers={towers}"
        require(min(encoder, ids, towers) >= 0, f"strategy.rates has {rates}: choose 0 or more.")
        require(0 < layer_decay <= 1, f"strategy.rates.layer_decay is {layer_decay}: choose above 0, up to 1.")
        self.encoder, self.ids, self.towers, self.layer_decay = encoder, ids, towers, layer_decay
        self._rates: list[float] = []

    def build(self, model) -> None:
        """Finds each weight's rate."""
        rates = {table.ref(): self.ids for table, _ in model.rows_since(-1)} | self._of_encoder(model)
        self._rates = [rates.get(weight.ref(), self.towers) for weight in model.trainable_variables]

    def _of_encoder(self, model) -> dict:
        encoder = getattr(getattr(model, "text", None), "encoder", None)
        if encoder is None:
            return {}
        stack = blocks(encoder.plain) if hasattr(encoder.plain, "transformer_layers") else []
        layers = encoder.plain.layers
        above = layers[layers.index(stack[-1]) + 1 :] if stack else []  # GPT-2 ends with a normalisation
        height = {v.value.ref(): len(stack) for layer in (*above, encoder.pooling) for v in layer.variables}
        height |= {v.value.ref(): k + 1 for k, block in enumerate(stack) for v in block.variables}
        return {
            weight.ref(): self.encoder * self.layer_decay ** (len(stack) - height.get(weight.ref(), 0))
            for weight in encoder.trainable_weights
        }

    def after_step(self, model, before: list, slopes: list) -> None:
        """In graph: takes back a part of the step."""
        for weight, old, rate in zip(model.trainable_variables, before, self._rates, strict=True):
            if rate != 1:
                weight.assign(old + tf.cast(rate, weight.dtype) * (weight - old))
