"""Holding vectors, their neighbourhoods and their place among all where they were."""

import numpy as np
import tensorflow as tf

from tfrec.errors import require
from tfrec.memories.before import outputs_before
from tfrec.strategies.strategy import Strategy


class EmbeddingDistillation(Strategy):
    """`own * |x - x'|^2 + near * (<x, n'> - <x', n'>)^2 + far * KL(softmax(A x' / T) || softmax(A x / T))`.

    The mean over the batch's query and item vectors x, in the manner of GraphSAIL (Xu et al., CIKM 2020).

    `x'` is the vector of before the update, `n'` the mean of the batch's `neighbours` items that were nearest to it
    then, and A `anchors` centres of all items then, by k-means. GraphSAIL weighs a node's own term by its degree, and
    takes today's neighbours for `<x, n>`; here all count alike, and the neighbours are held where they were.

    Args:
        own, near, far: weights of the three.
        neighbours, anchors: how many.
        temperature: T.

    Raises:
        InputError: a number is out of range.
    """

    needs = ("task_losses", "before", "choices", "candidate_embeddings")
    compares = True

    def __init__(
        self,
        own: float = 1.0,
        near: float = 1.0,
        far: float = 1.0,
        neighbours: int = 10,
        anchors: int = 50,
        temperature: float = 0.1,
        seed: int = 0,
    ) -> None:
        for name, value in {"own": own, "near": near, "far": far}.items():
            require(value >= 0, f"strategy.embedding_distillation.{name} is {value}: choose 0 or more.")
        require(
            min(neighbours, anchors) >= 1 and temperature > 0,
            f"strategy.embedding_distillation has neighbours={neighbours}, anchors={anchors}, "
            f"temperature={temperature}: choose 1 or more, and above 0.",
        )
        self.own, self.near, self.far, self.neighbours = own, near, far, neighbours
        self.anchors, self.temperature, self.seed = anchors, temperature, seed
        self._centres: tf.Variable | None = None

    def prepare(self, learner, update):
        """Finds the centres of the items of now."""
        vectors = update.candidates.get("before/candidate")
        if vectors is not None:
            from sklearn.cluster import KMeans

            distinct = np.unique(vectors, axis=0)  # items that were never learned may be the same
            number = min(self.anchors, len(distinct))
            found = KMeans(number, n_init=1, random_state=self.seed).fit(distinct).cluster_centers_
            centres = np.resize(found, (self.anchors, vectors.shape[1]))
            if self._centres is None:
                self._centres = tf.Variable(centres, trainable=False, dtype=tf.float32)
            self._centres.assign(centres)
        return update

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: the three for both kinds of vectors; 0 where nothing was said before."""
        then = outputs_before(batch)
        if then is None:
            return 0.0
        size = tf.shape(then["candidate"])[0]
        real = model.choices(then, batch).real[0]
        nearest = self._nearest(then["candidate"], real)
        of_queries = self._kept(outputs["query"], then["query"], nearest(then["query"]))
        now, of_items = outputs["candidate"][:size], then["candidate"]
        of_items = self._kept(now, of_items, nearest(of_items))
        return tf.reduce_mean(of_queries) + tf.reduce_sum(of_items * real) / tf.reduce_sum(real)

    def _nearest(self, items, real):
        """A function from vectors of before to the mean of the batch's items that are nearest to each.

        Of padding, which repeats an item, none is near.
        """
        number = tf.minimum(self.neighbours, tf.size(real))

        def mean(vectors):
            products = tf.matmul(tf.cast(vectors, tf.float32), items, transpose_b=True)
            places = tf.math.top_k(tf.where(real > 0, products, -np.inf), number).indices
            found = tf.gather(real, places)[..., None]
            return tf.reduce_sum(tf.gather(items, places) * found, axis=1) / tf.reduce_sum(found, axis=1)

        return mean

    def _kept(self, now, then, nearest):
        now, then = tf.cast(now, tf.float32), tf.cast(then, tf.float32)
        own = tf.reduce_sum(tf.square(now - then), axis=1)
        near = tf.square(tf.reduce_sum((now - then) * nearest, axis=1))
        said = tf.nn.log_softmax(tf.matmul(then, self._centres, transpose_b=True) / self.temperature)
        says = tf.nn.log_softmax(tf.matmul(now, self._centres, transpose_b=True) / self.temperature)
        far = tf.reduce_sum(tf.exp(said) * (said - says), axis=1)
        return self.own * own + self.near * near + self.far * far
