"""ALS: a fixed point of its equations, popularity for whom it does not know, the same numbers every time."""

import sys

import numpy as np
import pytest

from tests.baselines.histories import observed
from tfrec.baselines.als import Als
from tfrec.data.requests import Requests
from tfrec.errors import InputError


def test_the_factors_solve_the_normal_equations(stream):
    """After many iterations `(Y'CY + regularization I) x = Y'Cp` for each user, and likewise for each item."""
    history = observed(stream, 3)
    users, items = (table.astype(float) for table in Als(3, regularization=0.5, alpha=2, iterations=500).fit(history))
    counts = history.frequency().toarray()
    for left, right, table in ((users, items, counts), (items, users, counts.T)):
        for x, bought in zip(left, table, strict=True):
            c, p = np.where(bought > 0, 2 * bought, 1), bought > 0
            gradient = right.T @ (c * (right @ x - p)) + 0.5 * x
            np.testing.assert_allclose(gradient, 0, atol=2e-3)


def test_scores_are_inner_products_and_the_unknown_follow_by_popularity(stream):
    """Fitted on three periods; afterwards new items come, and user -1 was never seen."""
    history = observed(stream, 3)
    baseline = Als(4, iterations=3, every=None)
    baseline.score(history, Requests(np.array([0])))
    users, items = Als(4, iterations=3).fit(history)
    history.observe(stream[3]), history.observe(stream[4])
    scores = baseline.score(history, Requests(np.array([5, -1])))(slice(None))
    known = len(items)
    assert known < len(history.items) == scores.shape[1]
    np.testing.assert_allclose(scores[0, :known], items @ users[5], rtol=1e-5, atol=1e-7)
    assert scores[0, known:].max() < scores[0, :known].min()
    popularity = history.popularity(4)
    np.testing.assert_allclose(scores[1], popularity / (1 + popularity.max()), rtol=1e-6)


def test_it_repeats_and_another_seed_starts_elsewhere(stream):
    history = observed(stream, 3)
    one, two, other = (Als(4, seed=seed).fit(history) for seed in (1, 1, 2))
    for a, b, c in zip(one, two, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(InputError, match=r"run pip install 'tfrec\[als\]'"):
        Als()
