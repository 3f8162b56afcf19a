"""Where rows of new ids start."""

import numpy as np

from tfrec.layers.text_map import NEAREST, first_values, nearest


def test_nearest_are_those_of_the_highest_cosine():
    rng = np.random.default_rng(0)
    asked, known = rng.normal(size=(300, 5)), rng.normal(size=(40, 5)) * rng.uniform(0.1, 9, (40, 1))
    found = nearest(asked, known, 7)
    for row, vector in zip(found, asked, strict=True):  # one by one, without blocks
        cosines = known @ vector / np.linalg.norm(known, axis=1)
        assert set(row) == set(np.argsort(-cosines)[:7])
    assert nearest(asked, known[:3], 7).shape == (300, 3)


def test_a_new_row_is_the_mean_of_its_neighbours():
    """Ten known ids point up and have the rows 0 to 9, two point right and have 100: the mean is 4.5 above, and right
    (2 * 100 + the eight of the others that come first) / 10 of ten neighbours, of which only the two are near."""
    assert NEAREST == 10
    up, right = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    slanted = np.stack([np.arange(10) / 1000, np.ones(10)], axis=1)  # number 9 is the least far from the right
    texts = np.concatenate([slanted, right, right, up, right])
    rows = np.concatenate([np.arange(10.0), [100.0, 100.0]])[:, None]
    values = first_values("neighbours", lambda ids: texts[ids])
    found = values(np.arange(12), lambda: rows, np.array([12, 13]))
    np.testing.assert_allclose(found, [[4.5], [(200 + sum(range(2, 10))) / 10]])


def test_without_known_ids_a_row_starts_at_zero():
    assert first_values("neighbours", None)(np.zeros(0, int), None, np.array([0])) == 0
