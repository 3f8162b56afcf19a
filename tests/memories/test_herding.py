from types import SimpleNamespace

import numpy as np
import pytest

from tests.memories.offers import Read, offered, update_of
from tfrec.memories.herding import Herding


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def herding_by_hand(vectors):
    """The order in which rows are chosen: `e_k = argmax <w_k, phi>` of those left, `w_k+1 = w_k + mu - phi(e_k)`."""
    mean, left, chosen = vectors.mean(axis=0), list(range(len(vectors))), []
    w = mean
    while left:
        best = max(left, key=lambda n: w @ vectors[n])
        w = w + mean - vectors[best]
        left.remove(best)
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("rows, size, kept", [([12, 8], 10, [6, 4]), ([20, 4, 4, 4], 16, [10, 2, 2, 2])])
def test_each_item_keeps_its_share_of_the_first_by_herding(rows, size, kept):
    vectors = np.random.default_rng(0).normal(1, 1, (sum(rows), 3)).astype(np.float32)
    items = np.random.default_rng(1).permutation(np.repeat(np.arange(len(rows)), rows))
    memory = offered(Herding(size=size), update_of(np.arange(len(items)), items, vector=vectors))
    for item, number in enumerate(kept):
        own = np.flatnonzero(items == item)
        expected = own[herding_by_hand(unit(vectors[own]).astype(np.float64))[:number]]
        assert set(memory.kept()["number"][memory.kept()["item"] == item]) == set(expected)


def test_where_single_rows_are_left_out_the_large_item_keeps_more_than_its_share_by_herding_too():
    """20 items of one row and one of 20, in 15 places: `(rank + 0.5) / rows` of the large one is 0.025, 0.075 .. 0.475
    for ten rows, below the 0.5 of the single ones, which take the other five places."""
    vectors = np.random.default_rng(0).normal(1, 1, (40, 3)).astype(np.float32)
    items = np.append(np.zeros(20, int), np.arange(1, 21))
    memory = offered(Herding(size=15), update_of(np.arange(40), items, vector=vectors))
    large = memory.kept()["number"][memory.kept()["item"] == 0]
    assert set(large) == set(herding_by_hand(unit(vectors[:20]).astype(np.float64))[:10])


def test_exemplars_come_nearer_to_the_mean_than_random_rows():
    vectors = unit(np.random.default_rng(0).normal(0.5, 1, (200, 8))).astype(np.float32)
    memory = offered(Herding(size=20), update_of(np.arange(200), vector=vectors))
    distance = np.linalg.norm(memory.kept()["vector"].mean(axis=0) - vectors.mean(axis=0))
    rng = np.random.default_rng(1)
    others = [vectors[rng.choice(200, 20, replace=False)].mean(axis=0) for _ in range(200)]
    assert distance < 0.5 * min(np.linalg.norm(other - vectors.mean(axis=0)) for other in others)


def test_exemplars_are_chosen_by_the_weights_of_now_among_those_of_before_and_what_is_new():
    """The same rows with other vectors at the second update: the choice is that of the other vectors."""
    rng = np.random.default_rng(0)
    old, new = (rng.normal(1, 1, (30, 3)).astype(np.float32) for _ in range(2))
    memory = offered(Herding(size=10), update_of(np.arange(20), vector=old[:20]))
    exemplars = memory.kept()["number"].copy()

    class Moved(Read):
        def before(self, queries, candidates):
            return {"query": new[queries["number"]]}, {}

    memory.offer(SimpleNamespace(model=Moved()), update_of(np.arange(20, 30), vector=old[20:]))
    rows = np.concatenate([exemplars, np.arange(20, 30)])
    expected = rows[herding_by_hand(unit(new[rows]).astype(np.float64))[:10]]
    assert set(memory.kept()["number"]) == set(expected)
    np.testing.assert_allclose(memory.facts["vector"], unit(new)[memory.kept()["number"]], rtol=1e-5)
