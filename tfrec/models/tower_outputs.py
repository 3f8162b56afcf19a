"""What strategies ask of a model of two towers: what it said before, and how far that is from what it says now."""

import numpy as np
import tensorflow as tf

from tfrec.memories.before import BEFORE
from tfrec.models.choices import Choices
from tfrec.models.scoring import encode
from tfrec.models.stream_model import BESIDE


class TowerOutputs:
    """Outputs are vectors, `query` of a row and `candidate` of an item; see `StreamModel` for what each method is."""

    def before(self, queries: dict[str, np.ndarray], candidates: dict[str, np.ndarray] | None) -> tuple[dict, dict]:
        """Vectors `[rows, dim]` of both towers as they are now; see `StreamModel`."""
        asked = {"query": encode(self.query_embeddings, self._read(queries))}
        if candidates is None:
            return asked, {}
        return asked, {"candidate": encode(self.candidate_embeddings, self._read(candidates))}

    def _read(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = self.table_rows(_of_towers(features))
        return rows if self.text is None else self.text.read(rows)

    def choices(self, outputs: dict, features: dict) -> Choices:
        """Each row chose its item from those of the batch; what a loss draws beside them is left out."""
        label = features["label"]
        size = tf.shape(features.get(f"{BEFORE}candidate", outputs["candidate"]))[0]
        products = tf.matmul(outputs["query"], outputs["candidate"][:size], transpose_b=True)
        logits = tf.cast(products, tf.float32) / self.retrieval_loss.temperature
        real = tf.cast(tf.range(size) <= tf.reduce_max(label), tf.float32)[None]  # padding stands behind the items
        return Choices(logits, tf.one_hot(label, size), real)

    def squared_change(self, outputs: dict, then: dict, features: dict, when):
        """Mean of `(<q_i, c_j> - <q'_i, c'_j>)^2 / temperature^2` over the rows i and j of one time, as no weights ever
        compared an item's vector of one time with a request's of another.

        Args:
            then: `query` and `candidate` of each row, `[batch, dim]`. when: its time, `[batch]`; 0 leaves it out.
        """

        def products(query, candidate):
            return tf.matmul(tf.cast(query, tf.float32), tf.cast(candidate, tf.float32), transpose_b=True)

        now = products(outputs["query"], tf.gather(outputs["candidate"], features["label"]))
        change = tf.square(now - products(then["query"], then["candidate"]))
        pairs = tf.cast((when[:, None] == when[None]) & (when > 0)[None], tf.float32)
        count = tf.maximum(tf.reduce_sum(pairs), 1.0)
        return tf.reduce_sum(change * pairs) / (count * self.retrieval_loss.temperature**2)


def _of_towers(features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key: values for key, values in features.items() if not key.startswith((BESIDE, BEFORE))}
