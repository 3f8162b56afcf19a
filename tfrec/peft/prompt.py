"""Learned vectors before the words of a text."""

import keras
from keras import ops

from tfrec.encoders.outputs import sequence
from tfrec.errors import require
from tfrec.peft.peft import Added, Peft, train_only

CUT = "embeddings_dropout"  # of keras-nlp's backbones: what comes out of it goes into the transformer layers


class Prompt(Peft):
    """`length` learned vectors stand before the embedded tokens of a text (prompt tuning, Lester et al., EMNLP 2021).

    They take no position, and no place in the pooling. Unlike other methods this one changes the vectors from the
    start: what attends to the words attends to the prompt too. They start as embeddings of random tokens, as the
    paper's do, and are `length * dim` weights.

    Args:
        length: vectors.
        seed: of the tokens.

    Raises:
        InputError: the length is below 1; later, if the encoder's embeddings are not followed by its layers alone.
    """

    def __init__(self, length: int = 8, seed: int = 0) -> None:
        require(length >= 1, f"peft.length is {length}: choose 1 or more.")
        self.length, self.seed = length, seed

    def adapt(self, backbone):
        """See `Peft`; the model that is returned has the prompt inside, and gives as many rows as there are tokens."""
        cut = next((layer for layer in backbone.layers if layer.name == CUT), None)
        require(cut is not None, f"{type(backbone).__name__} has no layer {CUT} for peft=prompt to stand after.")
        mask = backbone.input["padding_mask"]
        before = keras.Model(backbone.input, [cut.output, mask])
        after = keras.Model([cut.output, mask], sequence(backbone.output))
        embedded, known = before(backbone.input)
        prefixed = Prepended(self._start(backbone), cut)
        rows = after(prefixed([embedded, known]))[:, self.length :]
        model = keras.Model(backbone.input, rows)
        train_only(model, [prefixed.vectors])
        return model

    def _start(self, backbone):
        table = backbone.token_embedding.embeddings
        tokens = keras.random.randint((self.length,), 0, table.shape[0], seed=self.seed)
        return ops.take(ops.cast(table, "float32"), tokens, axis=0)


class Prepended(Added):
    """Learned vectors `[length, dim]` before embedded tokens `[batch, n, dim]`, and ones before their mask."""

    def __init__(self, start, cut) -> None:
        super().__init__("prompt", cut)
        self.vectors = self.add_weight(shape=start.shape, name="vectors", dtype="float32", initializer="zeros")
        self.vectors.assign(start)

    def call(self, inputs):
        """`[batch, length + n, dim]` and `[batch, length + n]`."""
        embedded, mask = inputs
        batch, length = ops.shape(embedded)[0], self.vectors.shape[0]
        rows = ops.broadcast_to(ops.cast(self.vectors, embedded.dtype), (batch, *self.vectors.shape))
        return ops.concatenate([rows, embedded], 1), ops.concatenate([ops.ones((batch, length), mask.dtype), mask], 1)
