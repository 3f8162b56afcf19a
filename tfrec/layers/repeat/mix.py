"""Buy again or explore: the probability of each item as a mix of the two."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.layers.ranking.mlp import Mlp
from tfrec.ranking.features import USER
from tfrec.ranking.own_lists import OwnLists

BLOCK = 64  # requests whose own items are scored at once


class Mix(tf.keras.layers.Layer):
    """`P(i|u) = g(u) softmax_(j in own(u)) r(u, j)` of own items, `(1 - g(u)) softmax_(j not own) e(u, j)` of others.

    `g(u)` is a sigmoid of the user's numbers, learned as whether a purchase is a repeat. `r(u, j)` are dense layers on
    the features of the pair, learned by the softmax over the own items of a request that led to a repeat.
    `e(u, j) = b <q, c> / temperature + a log(popularity_j + smoothing)`: the in-batch softmax without logQ correction,
    over what is no repeat, learns the lift `P(j|u) / Q(j)`, and what is popular now is added. Own items of a row are no
    negatives of it. The three losses are means of their own, of requests, of lists and of what is no repeat, so with a
    list for few examples only `r` learns by larger steps than `-log P(i|u)` would give it.

    `own(u)` are the `own` most frequent items of a user: those beyond count as never bought, here and in learning.
    Who has none explores (g = 0); who has bought all there is does not (g = 1).

    Args:
        own: items of a list. hidden, dropout: of r. window, fade: of the popularity; see `OwnLists`.
        popularity: a, its power. smoothing: what is added to it. lift: b, in scores alone; below 1 where towers see the
            same purchases more than once, or few, and claim too much.
        every: one list is learned for so many examples of a batch: a purchase that is a repeat, with its request.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(
        self,
        own: int = 300,
        hidden: Sequence[int] = (64, 32),
        dropout: float = 0.0,
        popularity: float = 1.0,
        lift: float = 1.0,
        smoothing: float = 0.5,
        window: int = 16,
        fade: float = 0.8,
        every: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(name="repeat")
        for key, value in {"own": own, "window": window, "every": every}.items():
            require(value >= 1, f"model.repeat.{key} is {value}: choose 1 or more.")
        for key, value in {"popularity": popularity, "lift": lift}.items():
            require(value >= 0, f"model.repeat.{key} is {value}: choose 0 or more.")
        require(0 < fade <= 1, f"model.repeat.fade is {fade}: choose above 0, up to 1.")
        require(smoothing > 0, f"model.repeat.smoothing is {smoothing}: choose above 0.")
        self.lists, self.every = OwnLists(own, window, fade), every
        self.popularity, self.lift, self.smoothing = popularity, lift, smoothing
        self.tower = Mlp(hidden, dropout, seed)
        self.gate = tf.keras.layers.Dense(1, kernel_initializer="zeros", name="gate")

    def start(self) -> bool:
        """Makes the variables once it is known what is known of a pair; returns whether there are new ones."""
        if self.gate.built:
            return False
        self.gate.build((None, len(USER)))
        self.tower({"pairs": tf.zeros((1, 1, self.lists.columns))})
        return True

    def batch(self, batch: dict[str, np.ndarray], replicas: int = 1) -> dict[str, np.ndarray]:
        """A batch with what is learned of own items beside it; on the host.

        Args:
            batch: as `distinct_candidates` makes it, of examples that `OwnLists` numbered.
        """
        requests, who, novel = (batch.pop(f"repeat/{name}") for name in ("request", "user", "novel"))
        repeats = np.flatnonzero(novel == 0)[: -(-len(novel) // (self.every * replicas)) * replicas]
        missing = -(-len(novel) // (self.every * replicas)) * replicas - len(repeats)
        lists = self.lists.learned(requests[repeats])
        lists = {key: np.pad(v, [(0, missing)] + [(0, 0)] * (v.ndim - 1)) for key, v in lists.items()}
        gate = {"repeat/user": self.lists.user_moments(who), "repeat/novel": novel}
        gate |= {"repeat/known": (who[:, 0] > 0).astype(np.float32)}
        return batch | lists | gate | {"no_negative": self.lists.columns_of(requests, batch["item"])}

    def call(self, features, training=False):
        """Logits of the gate `[n]` and of lists `[k, own]`."""
        gate = tf.squeeze(self.gate(features["repeat/user"]), axis=1)
        return {"gate": tf.cast(gate, tf.float32), "own": self._own(features["repeat/pairs"], training)}

    def _own(self, pairs, training=False):
        return tf.cast(self.tower({"pairs": pairs}, training=training), tf.float32)

    def row_losses(self, outputs, features) -> dict[str, tf.Tensor]:
        """`gate` `[n]`, 0 for who could buy nothing again, and `own` `[k]`, the mean over what a list's user bought."""
        gate = tf.nn.sigmoid_cross_entropy_with_logits(1 - features["repeat/novel"], outputs["gate"])
        label, mask = features["repeat/label"], features["repeat/mask"]
        logits = tf.where(mask > 0, outputs["own"], -1e9)
        bought = tf.reduce_sum(label, axis=1)
        own = -tf.reduce_sum(label * tf.nn.log_softmax(logits), axis=1) / tf.maximum(bought, 1)
        return {"gate": gate * features["repeat/known"], "own": own}

    def scores(self, explore: Callable[[slice], tf.Tensor], asked: dict, candidates: dict) -> Callable:
        """A function from a slice of requests to `log P(i|u)`, `[block, catalogue]` float32.

        Args:
            explore: the same of `<q, c> / temperature`. asked, candidates: with what `OwnLists` knows of them.
        """
        item, size = asked["repeat/item"], asked["repeat/size"]
        there = np.arange(item.shape[1]) < size[:, None]
        popular = self.popularity * np.log(candidates["repeat/popularity"] + self.smoothing)
        gate = self.gate(self.lists.user_moments(asked["repeat/user"])).numpy()[:, 0]
        gate = np.where(size == 0, -np.inf, np.where(size == len(popular), np.inf, gate))
        again = log_sigmoid(gate)[:, None] + log_softmax(np.where(there, self._logits(asked["repeat/pairs"]), -np.inf))
        other = log_sigmoid(-gate)

        def block(rows: slice) -> np.ndarray:
            scores = self.lift * np.asarray(explore(rows)) + popular.astype(np.float32)
            row, place = np.nonzero(there[rows])
            scores[row, item[rows][row, place]] = -np.inf
            scores = log_softmax(scores) + other[rows, None]
            scores[row, item[rows][row, place]] = again[rows][row, place]
            return scores.astype(np.float32)

        return block

    def _logits(self, pairs: np.ndarray) -> np.ndarray:
        """`[n, own]`, now: weights may be others when a block is asked for."""
        parts = [np.zeros(pairs.shape[:2], np.float32)[:0]]
        for start in range(0, len(pairs) if pairs.shape[2] == self.lists.columns else 0, BLOCK):
            parts.append(self._own(self.lists.pair_moments(pairs[start : start + BLOCK])).numpy())
        return np.concatenate(parts) if len(parts) > 1 else np.zeros(pairs.shape[:2], np.float32)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis; -inf has no part in it, and a row of nothing else stays as it is."""
    most = logits.max(axis=-1, keepdims=True, initial=-np.inf)
    shifted = logits - np.where(np.isfinite(most), most, 0)
    total = np.exp(shifted).sum(axis=-1, keepdims=True)
    return shifted - np.log(np.where(total > 0, total, 1))


def log_sigmoid(logits: np.ndarray) -> np.ndarray:
    """`-log(1 + exp(-x))`."""
    return -np.logaddexp(0, -logits)
