"""Valid ids in arrays, and the most probable among them."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.generative.beam import NEVER, beam_search
from tfrec.generative.trie import Trie

SIZES = [5, 4, 6]


def valid_ids(n=40, seed=0):
    every = np.stack(np.meshgrid(*map(np.arange, SIZES), indexing="ij"), axis=-1).reshape(-1, 3)
    return np.random.default_rng(seed).permutation(every)[:n]


def tables(requests=3, seed=1):
    """log P of the next code after every prefix, by place: a softmax of random numbers."""
    rng = np.random.default_rng(seed)
    shapes = [(requests, *SIZES[: place + 1]) for place in range(3)]
    return [tf.nn.log_softmax(3 * rng.normal(size=shape)).numpy().astype(np.float32) for shape in shapes]


def search(ids, found, beam):
    n = len(found[0])

    def log_p(prefix):
        table = tf.constant(found[prefix.shape[2]])
        if prefix.shape[2] == 0:
            return table[:, None]
        return tf.gather_nd(table, prefix, batch_dims=1)

    trie = Trie.of(ids)
    leaf, total = tf.function(lambda: beam_search(log_p, trie, beam, n))()
    return trie.item.numpy()[leaf.numpy()], total.numpy()


def probabilities(ids, found):
    """log P of each id, `[requests, ids]`: the sum of its codes' terms."""
    a, b, c = ids.T
    return found[0][:, a] + found[1][:, a, b] + found[2][:, a, b, c]


def test_a_trie_by_hand():
    """Ids (1, 0), (0, 2), (1, 3) and (0, 1), in order: (0, 1), (0, 2), (1, 0), (1, 3)."""
    trie = Trie.of(np.array([[1, 0], [0, 2], [1, 3], [0, 1]]))
    assert [array.numpy().tolist() for array in trie.first] == [[0], [0, 2]]
    assert [array.numpy().tolist() for array in trie.size] == [[2], [2, 2]]
    assert [array.numpy().tolist() for array in trie.code] == [[0, 1], [1, 2, 0, 3]]
    assert trie.widths == (2, 2) and trie.item.numpy().tolist() == [3, 1, 0, 2] and trie.leaves == 4


def test_the_same_id_twice_is_refused():
    with pytest.raises(ValueError, match="same id"):
        Trie.of(np.array([[1, 0], [0, 2], [1, 0]]))


@pytest.mark.parametrize("beam", [40, 100])
def test_a_beam_of_all_ids_is_an_enumeration(beam):
    ids, found = valid_ids(), tables()
    items, total = search(ids, found, beam)
    real = total > NEVER
    assert (real.sum(axis=1) == 40).all()
    expected = probabilities(ids, found)
    for row in range(3):
        order = np.argsort(-expected[row], kind="stable")
        np.testing.assert_array_equal(items[row][real[row]], order)
        np.testing.assert_allclose(total[row][real[row]], expected[row][order], rtol=1e-5)


@pytest.mark.parametrize("beam", [1, 4, 9])
def test_a_beam_finds_different_valid_ids_with_their_probabilities(beam):
    ids, found = valid_ids(), tables()
    items, total = search(ids, found, beam)
    assert items.shape == (3, beam) and (np.diff(total) <= 0).all()
    assert all(len(set(row)) == beam for row in items)
    np.testing.assert_allclose(total, np.take_along_axis(probabilities(ids, found), items, axis=1), rtol=1e-5)


def test_the_beam_is_the_one_written_out_in_python():
    ids, found, beam = valid_ids(), tables(), 4
    items, _ = search(ids, found, beam)
    valid = {tuple(row[: n + 1]) for row in ids for n in range(3)}
    for request in range(3):
        kept = [((), 0.0)]
        for place, size in enumerate(SIZES):
            longer = [
                ((*prefix, code), total + found[place][(request, *prefix, code)])
                for prefix, total in kept
                for code in range(size)
                if (*prefix, code) in valid
            ]
            kept = sorted(longer, key=lambda pair: -pair[1])[:beam]
        assert [tuple(ids[item]) for item in items[request]] == [prefix for prefix, _ in kept]
