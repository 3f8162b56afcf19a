"""Vectors become codes, and codes become ids."""

import numpy as np
import pytest

from tfrec.errors import InputError
from tfrec.generative.quantiser import ResidualQuantiser
from tfrec.generative.semantic_ids import SemanticIds, numbered


def clouds(n=200, dim=6, seed=0):
    """Vectors around eight places."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 3, (8, dim))[rng.integers(0, 8, n)] + rng.normal(size=(n, dim))).astype(np.float32)


def fitted(vectors, levels=3, codes=8, seed=0):
    quantiser = ResidualQuantiser(levels, codes, vectors.shape[1], seed)
    quantiser.fit(vectors)
    return quantiser


def made(vectors, known, **options):
    ids = SemanticIds(**{"levels": 2, "codes": 4, "last": 40} | options)
    ids.start(vectors.shape[1])
    ids.fit(vectors[:known])
    ids.add(vectors[:known])
    return ids


def test_each_level_leaves_less():
    vectors = clouds()
    quantiser = fitted(vectors)
    codes = quantiser.codes_of(vectors)
    left = [((vectors - quantiser.vectors_of(codes[:, :n])) ** 2).sum(axis=1).mean() for n in range(1, 4)]
    assert (vectors**2).sum(axis=1).mean() > left[0] > left[1] > left[2] > 0


def test_a_code_is_the_nearest_centroid_of_what_is_left():
    vectors = clouds()
    quantiser = fitted(vectors)
    residual = vectors.astype(np.float64)
    for book, codes in zip(quantiser.books.numpy(), quantiser.codes_of(vectors).T, strict=True):
        distance = ((residual[:, None] - book) ** 2).sum(axis=2)
        np.testing.assert_array_equal(codes, distance.argmin(axis=1))
        residual -= book[codes]


def test_few_places_are_reconstructed_and_spare_centroids_are_never_chosen():
    """Three different vectors, eight centroids: each vector is one, and nothing is left."""
    vectors = np.eye(3, 6, dtype=np.float32)[[0, 1, 2, 1, 0]]
    quantiser = fitted(vectors)
    codes = quantiser.codes_of(vectors)
    assert codes[:, 0].max() == 2 and len(np.unique(codes[:3, 0])) == 3
    np.testing.assert_allclose(quantiser.vectors_of(codes), vectors, atol=1e-6)


def test_seeds_repeat():
    vectors = clouds()
    one, same, other = (fitted(vectors, seed=seed).books.numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_numbered_by_hand():
    assert numbered(np.array([5, 3, 5, 5, 3, 9])).tolist() == [0, 0, 1, 2, 1, 0]


def test_the_same_text_has_the_same_codes_but_the_last():
    vectors = clouds(30)
    vectors[[7, 20]] = vectors[3]
    ids = made(vectors, 30).all
    np.testing.assert_array_equal(ids[[7, 20], :-1], ids[[3, 3], :-1])
    assert len(np.unique(ids, axis=0)) == 30 and (np.diff(ids[[3, 7, 20], -1]) > 0).all()


def test_later_items_get_the_free_last_codes_and_earlier_ones_keep_their_ids():
    vectors = clouds(60)
    ids = made(vectors, 20)
    before, books = ids.all, ids.quantiser.books.numpy()
    ids.add(vectors[20:45])
    ids.add(vectors[45:])
    np.testing.assert_array_equal(ids.all[:20], before)
    np.testing.assert_array_equal(ids.quantiser.books.numpy(), books)
    assert len(np.unique(ids.all, axis=0)) == 60
    for key in np.unique(ids.all[:, :-1], axis=0):  # in the order of the items, without a gap
        last = ids.all[(ids.all[:, :-1] == key).all(axis=1), -1]
        np.testing.assert_array_equal(last, np.arange(len(last)))


def test_more_items_of_the_same_codes_than_last_have_the_last_id_and_are_hidden():
    """Four ids for six equal texts: those of the first three, and of the fourth, which the rest have too."""
    vectors = np.ones((6, 6), np.float32)
    ids = made(vectors, 4, last=4)
    assert not ids.hidden.any()
    ids.add(vectors[4:])
    assert ids.all[:, -1].tolist() == [0, 1, 2, 3, 3, 3]
    assert ids.hidden.tolist() == [False] * 4 + [True] * 2


def test_before_they_are_fitted_there_are_none():
    ids = SemanticIds()
    ids.start(6)
    with pytest.raises(InputError, match="no semantic ids.*model.ids.*loop.base"):
        ids.add(clouds())


@pytest.mark.parametrize("options", [{"levels": 0}, {"codes": 0}, {"last": 0}, {"codes": 2**20, "levels": 4}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(InputError, match=f"model.ids.{[*options][0]}"):
        SemanticIds(**options)
