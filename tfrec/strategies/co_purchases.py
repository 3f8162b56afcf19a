"""Contrastive learning of texts from what is bought together."""

import logging

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.strategies.pretraining import Pretraining

log = logging.getLogger(__name__)


class CoPurchases(Pretraining):
    """`-log exp(<e_i, e_j> / temperature) / sum_k exp(<e_i, e_k> / temperature)` of the texts of two different items
    that a user bought in one period of the update, both ways, against the other texts of the batch (InfoNCE; van den
    Oord et al., 2018).

    Texts that are equal to one of the row's own two are no negatives. A later period in which nobody bought two
    different items teaches nothing.

    Args:
        temperature: divides the cosines.
        steps, batch_size, learning_rate, every, seed: see `Pretraining`; the batch is of pairs.

    Raises:
        InputError: see `Pretraining`; the temperature is not above 0; nobody bought two items before the base.
    """

    def __init__(
        self,
        temperature: float = 0.05,
        steps: int = 200,
        batch_size: int = 64,
        learning_rate: float = 1e-4,
        every: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(steps, batch_size, learning_rate, every, seed)
        require(temperature > 0, f"strategy.co_purchases.temperature is {temperature}: choose above 0.")
        self.temperature = temperature
        self._baskets = None  # of the update that is learned

    def ready(self, update) -> bool:
        """Whether somebody bought two different items in one period; sorts what was bought, once for all steps."""
        text = update.candidates["text"][update.examples.item]
        self._baskets = baskets(update.examples.query, text)
        found = len(self._baskets[1]) > 0
        nobody = f"nobody bought two different items in one period, up to period {update.period}"
        require(found or self.updates > 1, f"strategy=co_purchases has nothing to learn from: {nobody}.")
        if not found:
            log.info("co_purchases: %s, nothing is learned", nobody)
        return found

    def batch(self, learner, update, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """`tokens` `[2 * batch, length]`, row i of the first half bought with that of the second, and `text` rows."""
        one, two = self.pairs(*self._baskets, rng)
        rows = np.concatenate([one, two])
        return {"tokens": tf.gather(learner.model.text.table.table, rows).numpy(), "text": rows}

    def pairs(
        self, text: np.ndarray, begin: np.ndarray, size: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Text rows of `batch_size` pairs: one of a basket, each of all as likely, and another one of the same basket.

        Args:
            text, begin, size: see `baskets`.
        """
        chosen = rng.choice(len(size), self.batch_size, p=size / size.sum())
        place = rng.integers(0, size[chosen])
        other = (place + rng.integers(1, size[chosen])) % size[chosen]
        return text[begin[chosen] + place], text[begin[chosen] + other]

    def loss(self, encoder, batch: dict):
        """In graph: the mean over both directions."""
        vectors = tf.math.l2_normalize(tf.cast(encoder(batch["tokens"], training=True), tf.float32), axis=1)
        one, two = tf.split(vectors, 2)
        of_one, of_two = tf.split(batch["text"], 2)
        logits = tf.matmul(one, two, transpose_b=True) / self.temperature
        own = tf.eye(tf.shape(one)[0], dtype=tf.bool)
        losses = []
        for scores, mine, others in ((logits, of_one, of_two), (tf.transpose(logits), of_two, of_one)):
            equal = (others[None] == others[:, None]) | (others[None] == mine[:, None])
            equal = tf.logical_and(equal, ~own)
            losses.append(-tf.linalg.diag_part(tf.nn.log_softmax(tf.where(equal, -1e9, scores))))
        return tf.reduce_mean(losses)


def baskets(query: np.ndarray, text: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different texts of each user and period one after the other, and where those of two or more begin and how
    many each has.

    Args:
        query, text: of each example, `[examples]`: whose and when it was, and the row of its text.
    """
    order = np.lexsort((text, query))
    query, text = query[order], text[order]
    first = np.append(True, (query[1:] != query[:-1]) | (text[1:] != text[:-1]))  # each text once
    query, text = query[first], text[first]
    begin, size = np.unique(query, return_index=True, return_counts=True)[1:]
    return text, begin[size > 1], size[size > 1]
