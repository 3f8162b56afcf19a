from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfrec.errors import InputError
from tfrec.models.tower_outputs import TowerOutputs
from tfrec.strategies.embedding_distillation import EmbeddingDistillation


class Vectors(TowerOutputs):
    """What strategies ask of two towers, without the towers."""

    def __init__(self, temperature=1.0):
        self.retrieval_loss = SimpleNamespace(temperature=temperature)


def batch_of(query, item, label):
    """Vectors of before, of rows and of different items; items behind the highest label are padding."""
    query, item = (tf.constant(values, tf.float32) for values in (query, item))
    return {"before/query": query, "before/candidate": item, "label": tf.constant(label, tf.int32)}


def penalty(strategy, query, item, batch, centres=((0.0, 0.0),)):
    strategy._centres = tf.Variable(np.array(centres), dtype=tf.float32)
    outputs = {"query": tf.constant(query, tf.float32), "candidate": tf.constant(item, tf.float32)}
    return float(strategy.penalty(Vectors(), batch, outputs))


def only(**options):
    return EmbeddingDistillation(**{"own": 0.0, "near": 0.0, "far": 0.0} | options)


QUERY, ITEM = [[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [0.0, -1.0]]


def test_it_is_0_where_nothing_moved():
    strategy = EmbeddingDistillation(neighbours=1, temperature=1.0)
    batch = batch_of(QUERY, ITEM, [0, 1])
    assert penalty(strategy, QUERY, ITEM, batch, [[1, 0], [0, 1]]) == pytest.approx(0, abs=1e-6)


def test_how_far_vectors_moved():
    """The queries by (1, 0) and (0, 0), the items by (0, 2) and (1, 1): 2 (1/2 + (4 + 2) / 2) = 7."""
    moved = [[2.0, 0.0], [0.0, 2.0]], [[1.0, 3.0], [1.0, 0.0]]
    assert penalty(only(own=2.0), *moved, batch_of(QUERY, ITEM, [0, 1])) == pytest.approx(7)


def test_how_far_they_moved_along_their_nearest_item():
    """Products of before with the items (1, 1), (0, -1): 1, 0 of the first query and 2, -2 of the second, so both are
    nearest to the first item; an item is nearest to itself, by 2 and 1.

    The queries moved by (1, 0) and (0, 0): 1 and 0 along (1, 1), squared and on average 1/2. The items moved by (0, 2)
    and (1, 1): 2 along (1, 1), and -1 along (0, -1): (4 + 1) / 2.
    """
    moved = [[2.0, 0.0], [0.0, 2.0]], [[1.0, 3.0], [1.0, 0.0]]
    assert penalty(only(near=1.0, neighbours=1), *moved, batch_of(QUERY, ITEM, [0, 1])) == pytest.approx(3)


def test_where_among_the_centres_they_are():
    """Centres (1, 0), (0, 0): the first query went from logits (ln 3, 0) to (0, 0) at temperature 1, from shares
    (3/4, 1/4) to 1/2 each: 3/4 ln 3/2 + 1/4 ln 1/2; the second row did not move, nor the items."""
    query, moved = [[np.log(3), 0.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 2.0]]
    found = penalty(only(far=1.0, temperature=1.0), moved, ITEM, batch_of(query, ITEM, [0, 1]), [[1, 0], [0, 0]])
    assert found == pytest.approx((0.75 * np.log(1.5) + 0.25 * np.log(0.5)) / 2, rel=1e-5)


def test_padding_has_no_part_and_more_neighbours_than_items_are_all():
    """The same with two copies of the first item behind the items."""
    moved = [[2.0, 0.5], [0.0, 1.0]], [[1.0, 3.0], [1.0, 0.0]]
    strategy, centres = EmbeddingDistillation(neighbours=10, temperature=1.0), [[1, 0], [0, 1]]
    expected = penalty(strategy, *moved, batch_of(QUERY, ITEM, [0, 1]), centres)
    padded = batch_of(QUERY, [*ITEM, ITEM[0], ITEM[0]], [0, 1])
    found = penalty(strategy, moved[0], [*moved[1], moved[1][0], moved[1][0]], padded, centres)
    assert found == pytest.approx(expected, rel=1e-5)
    assert expected > 1


def test_against_a_loop():
    rng = np.random.default_rng(0)
    then, now = ([rng.normal(size=(n, 3)) for n in (6, 4)] for _ in range(2))
    centres, (own, near, far), t = rng.normal(size=(5, 3)), (0.5, 0.7, 0.9), 0.8
    total = 0
    for old, new in zip(then, now, strict=True):
        rows = []
        for x, y in zip(old, new, strict=True):
            close = then[1][np.argsort(-then[1] @ x)[:2]].mean(axis=0)
            said, says = (np.exp(centres @ v / t) / np.exp(centres @ v / t).sum() for v in (x, y))
            kept = (y @ close - x @ close) ** 2, np.sum(said * np.log(said / says))
            rows.append(own * np.sum((x - y) ** 2) + near * kept[0] + far * kept[1])
        total += np.mean(rows)
    strategy = EmbeddingDistillation(own, near, far, neighbours=2, temperature=t)
    found = penalty(strategy, *now, batch_of(*then, [0, 1, 2, 3, 0, 1]), centres)
    assert found == pytest.approx(total, rel=1e-4)


def test_centres_are_of_all_items_and_fewer_items_than_centres_are_no_warning():
    strategy = EmbeddingDistillation(anchors=3)
    vectors = np.array([[0.0, 0.0], [0.0, 0.0], [2.0, 2.0], [2.0, 2.0]], np.float32)
    strategy.prepare(None, SimpleNamespace(candidates={"before/candidate": vectors}))
    found = strategy._centres.numpy()
    assert found.shape == (3, 2) and {tuple(centre) for centre in found.tolist()} == {(0, 0), (2, 2)}
    assert strategy.prepare(None, SimpleNamespace(candidates={})) is not None  # the first update


@pytest.mark.parametrize(
    "options", [{"own": -1}, {"near": -1}, {"far": -1}, {"neighbours": 0}, {"anchors": 0}, {"temperature": 0}]
)
def test_numbers_out_of_range_are_a_sentence(options):
    (name, value), *_ = options.items()
    with pytest.raises(InputError, match=f"strategy.embedding_distillation.*{name}.*{value}.*: choose"):
        EmbeddingDistillation(**options)
