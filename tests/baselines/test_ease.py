"""EASE against a regression of each item on the others, and by hand."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tests.baselines.histories import history_of, observed
from tfrec.baselines.ease import Ease
from tfrec.data.requests import Requests
from tfrec.errors import InputError


def test_two_items_written_out():
    """Items 7 and 8 share two of 7's four buyers and of 8's three: 8 from 7 is 2 / (4 + 1), 7 from 8 is 2 / (3 + 1).

    Ridge regression on one variable is <x, y> / (<x, x> + penalty).
    """
    history = history_of([(1, 7), (2, 7), (3, 7), (4, 7), (1, 8), (2, 8), (5, 8)])
    _, weights = Ease(penalty=1).fit(history)
    np.testing.assert_allclose(weights, [[0, 2 / 5], [2 / 4, 0]], rtol=1e-6)
    scores = Ease(penalty=1).score(history, Requests(np.array([0, 2, 4])))(slice(None))
    np.testing.assert_allclose(scores, [[2 / 4, 2 / 5], [0, 2 / 5], [2 / 4, 0]], rtol=1e-6)


def test_each_column_is_the_ridge_regression_of_its_item_on_the_others(stream):
    history = observed(stream, 3)
    items, weights = Ease(penalty=2.5).fit(history)
    bought = (history.frequency().toarray() > 0)[:, items].astype(float)
    for j in range(len(items)):
        others = np.arange(len(items)) != j
        ridge = Ridge(alpha=2.5, fit_intercept=False).fit(bought[:, others], bought[:, j])
        np.testing.assert_allclose(weights[others, j], ridge.coef_, atol=1e-6)
    assert not np.diag(weights).any()


def test_items_that_are_not_modelled_follow_by_popularity(stream):
    history = observed(stream, 4)
    popularity = history.popularity()
    order = np.argsort(-popularity, kind="stable")
    scores = Ease(items=10, penalty=1, window=4).score(history, Requests(np.arange(12)))(slice(None))
    modelled, others = order[:10], order[10:]
    assert (scores[:, others].max(axis=1) < scores[:, modelled].min(axis=1)).all()
    for row in scores[:, others]:
        np.testing.assert_array_equal(np.argsort(-row, kind="stable"), np.arange(len(others)))


def test_what_was_bought_may_have_no_score(stream):
    """User -1 bought nothing, so every score stands."""
    history, asked = observed(stream, 4), Requests(np.array([0, 3, -1]))
    whole, others = (Ease(items=10, penalty=1, own=own).score(history, asked)(slice(None)) for own in (True, False))
    bought = history.own(asked.users).toarray() > 0
    assert bought[:2].any(axis=1).all() and not bought[2].any()
    np.testing.assert_array_equal(others, np.where(bought, 0, whole))


def test_popularity_alone_ranks_for_who_bought_nothing_that_is_modelled():
    """Item 7 is modelled, 8 and 9 are not; user 3 has 8 alone."""
    history = history_of([(1, 7), (2, 7), (3, 8), (4, 7), (4, 9)], [(3, 8)])
    scores = Ease(items=1).score(history, Requests(np.array([2, -1])))(slice(None))
    np.testing.assert_allclose(scores, [np.array([3, 2, 1]) / 4] * 2)


@pytest.mark.parametrize("option", [{"items": 0}, {"penalty": 0}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(InputError, match=f"ease.{next(iter(option))} is"):
        Ease(**option)
