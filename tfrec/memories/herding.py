"""Rows whose mean is that of all rows of their item."""

from collections.abc import Callable

import numpy as np

from tfrec.data.examples import Update
from tfrec.memories.groups import ranks_within, sizes
from tfrec.memories.reservoir import Reservoir, lowest


class Herding(Reservoir):
    """Exemplars of each item, as many as its share of the rows, that keep the mean of the requests' vectors.

    `e_k = argmax_x <w_k, phi(x)>`, `w_1 = mu`, `w_k+1 = w_k + mu - phi(e_k)`, with phi the normalised query vectors of
    the weights of now and mu their mean over the rows of the item (Welling, ICML 2009; iCaRL, CVPR 2017; by item: ADER,
    RecSys 2020). Chosen among the exemplars of before and what is new. See `Reservoir`.

    Raises:
        InputError: when rows come, the model has no vector of a request.
    """

    needs = ("query_embeddings", "before")

    def describe(self, learner, update: Update, fresh: np.ndarray) -> dict[str, np.ndarray]:
        """See `Reservoir`; with the `group`, and the `vector` of now, `[len(fresh), dim]`."""
        vectors = vectors_of(learner.model, update.examples.queries)[update.examples.query[fresh]]
        facts = super().describe(learner, update, fresh)
        return facts | {"group": update.examples.item[fresh], "vector": vectors}

    def offer(self, learner, update: Update, beside: Callable[[dict], dict] | None = None) -> None:
        """See `Reservoir`; the vectors of the exemplars are those of now too."""
        if len(self):
            self.facts["vector"] = vectors_of(learner.model, self.kept())
        super().offer(learner, update, beside)

    def keep(self, facts: dict[str, np.ndarray], learner) -> np.ndarray:
        """The first of each item by herding; see `Reservoir`."""
        total = len(facts["number"])
        if total <= self.size:
            return np.ones(total, bool)
        group, size = facts["group"], sizes(facts["group"])
        kept = lowest((ranks_within(group, np.arange(total)) + 0.5) / size, self.size)  # as many of each as herding
        place = np.unique(group, return_inverse=True)[1]
        most = 1 + np.bincount(place, kept)[place].astype(int)  # and one where others have the same share
        return lowest((herded(facts["vector"], group, most) + 0.5) / size, self.size)


def vectors_of(model, queries: dict[str, np.ndarray]) -> np.ndarray:
    """Normalised query vectors `[n, dim]`."""
    vectors = np.asarray(model.before(queries, None)[0]["query"], np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def herded(vectors: np.ndarray, groups: np.ndarray, most: np.ndarray) -> np.ndarray:
    """The place of each row in the herding of its group, `[n]`; those beyond the first `most` follow as they stand."""
    rank = ranks_within(groups, np.arange(len(groups)))
    order = np.argsort(groups, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(groups[order])) + 1, len(order))
    for start, end in zip(np.append(0, ends[:-1]), ends, strict=True):
        rows = order[start:end]
        if len(rows) > 2:
            rank[rows] = _herding(vectors[rows], most[rows[0]])
    return rank


def _herding(vectors: np.ndarray, most: int) -> np.ndarray:
    mean = vectors.mean(axis=0)
    wanted, left = mean.copy(), np.zeros(len(vectors))
    chosen = []
    for _ in range(min(most, len(vectors))):
        best = int(np.argmax(vectors @ wanted + left))
        chosen.append(best)
        left[best] = -np.inf
        wanted += mean - vectors[best]
    rank = np.empty(len(vectors), np.int64)
    rank[[*chosen, *np.flatnonzero(left == 0)]] = np.arange(len(vectors))
    return rank
