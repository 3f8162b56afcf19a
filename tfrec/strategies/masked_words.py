"""Masked-language modelling on the texts of the catalogue."""

import keras
import keras_nlp
import numpy as np
import tensorflow as tf

from tfrec.encoders.outputs import sequence
from tfrec.errors import require
from tfrec.strategies.pretraining import Pretraining


class MaskedWords(Pretraining):
    """Cross-entropy of hidden tokens of the texts of all items that are known (Devlin et al., NAACL 2019; on texts of
    the domain: Gururangan et al., ACL 2020).

    Of `share` of a text's tokens, at least one, 8 in 10 become the mask, 1 in 10 a random token, and 1 in 10 stays.
    Tokens are told by the encoder's own embeddings after a layer, which is learned too and kept from time to time.

    Args:
        share: of the tokens, without those of start and end.
        steps, batch_size, learning_rate, every, seed: see `Pretraining`.

    Raises:
        InputError: see `Pretraining`; the share is out of range; before learning, a tokenizer without a mask.
    """

    def __init__(
        self,
        share: float = 0.15,
        steps: int = 200,
        batch_size: int = 64,
        learning_rate: float = 1e-4,
        every: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(steps, batch_size, learning_rate, every, seed)
        require(0 < share < 1, f"strategy.masked_words.share is {share}: choose above 0, below 1.")
        self.share = share
        self._head = self._restored = None

    def start(self, encoder) -> list[tf.Variable]:
        """Makes the layer that tells tokens, once."""
        require(
            getattr(encoder.tokenizer, "mask_token_id", None) is not None,
            f"strategy=masked_words needs a mask, which {type(encoder.tokenizer).__name__} does not have: choose "
            "another encoder, or strategy=co_purchases.",
        )
        if self._head is None:
            table = encoder.plain.token_embedding
            self._head = keras_nlp.layers.MaskedLMHead(
                token_embedding=table,
                intermediate_activation="gelu",
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.02, seed=self.seed),
                name="masked_words",
            )
            dim = sequence(encoder.backbone.output).shape[-1]
            self._head.build((None, None, dim), (None, None))
            if self._restored is not None:
                for variable, value in zip(self._own(), self._restored, strict=True):
                    variable.assign(value)
        return [variable.value for variable in self._own()]

    def _own(self) -> list:
        table = {id(variable) for variable in self._head.token_embedding.variables}
        return [variable for variable in self._head.trainable_variables if id(variable) not in table]

    def batch(self, learner, update, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Texts as `tokens` `[batch, length]` with some hidden, their `places`, `labels`, `weight` `[batch, hidden]`,
        which is 0 where a text has fewer."""
        model = learner.model
        known = np.unique(update.candidates["text"])
        tokens = tf.gather(model.text.table.table, rng.choice(known, self.batch_size)).numpy()
        return self.hidden(model.text.encoder, tokens, rng)

    def hidden(self, encoder, tokens: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """See `batch`; of tokens `[batch, length]`."""
        tokenizer, most = encoder.tokenizer, max(1, round(self.share * encoder.max_length))
        special = [encoder.pad_id, getattr(tokenizer, "start_token_id", None), getattr(tokenizer, "end_token_id", None)]
        words = ~np.isin(tokens, [token for token in special if token is not None])
        order = np.argsort(np.where(words, rng.random(tokens.shape), 2.0), axis=1)[:, :most]
        number = np.minimum(np.ceil(self.share * words.sum(axis=1)), most)
        weight = (np.arange(most) < number[:, None]).astype(np.float32)
        labels = np.take_along_axis(tokens, order, axis=1)
        kind, other = rng.random(labels.shape), rng.integers(0, tokenizer.vocabulary_size(), labels.shape)
        shown = np.where(kind < 0.8, tokenizer.mask_token_id, np.where(kind < 0.9, other, labels))
        changed = tokens.copy()
        np.put_along_axis(changed, order, np.where(weight > 0, shown, labels), axis=1)
        return {"tokens": changed, "places": order.astype(np.int32), "labels": labels, "weight": weight}

    def loss(self, encoder, batch: dict):
        """In graph: the mean over hidden tokens."""
        logits = tf.cast(self._head(encoder.hidden(batch["tokens"], training=True), batch["places"]), tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], logits)
        return tf.reduce_sum(losses * batch["weight"]) / tf.maximum(tf.reduce_sum(batch["weight"]), 1.0)

    def state(self) -> dict:
        """See `Pretraining`; with the layer that tells tokens."""
        values = self._restored or [] if self._head is None else [variable.numpy() for variable in self._own()]
        return super().state() | {f"head/{n}": value for n, value in enumerate(values)}

    def restore(self, state: dict) -> None:
        """See `Pretraining`."""
        super().restore(state)
        places = sorted((key for key in state if key.startswith("head/")), key=lambda key: int(key[5:]))
        self._restored = [state[key] for key in places] or None
