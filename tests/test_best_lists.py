"""Metrics of what is shown, through the evaluator."""

import numpy as np
import pandas as pd
import pytest

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.truth import Truth
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator


@pytest.fixture
def truth(stream):
    history = History()
    for t in range(4):
        history.observe(stream[t])
    return Truth.of(stream[4], history, stream.items)


def test_values_are_of_the_best_items(truth):
    """Everybody is shown rows 3, 1 and 7: by hand."""
    scores = np.zeros((len(truth.users), truth.catalogue))
    scores[:, [3, 1, 7]] = 3, 2, 1
    evaluator = Evaluator(["ndcg@3", "coverage@3", "gini@3", "novelty@1", "freshness@2", "diversity@3"], tau=2.0)
    values, totals = evaluator.lists(lambda block: scores[block], truth)
    n, bought = truth.catalogue, truth.popularity
    assert totals["all/coverage@3"] == pytest.approx(3 / n)
    assert totals["all/gini@3"] == pytest.approx((n - 3) / n)
    assert values["all/novelty@1"] == pytest.approx(-np.log2((bought[3] + 1) / (bought.sum() + n)))
    assert values["all/freshness@2"] == pytest.approx(np.exp(-truth.age[[3, 1]] / 2).mean())
    kinds = truth.items["kind"].loc[truth.ids[[3, 1, 7]]].tolist()
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert values["all/diversity@3"] == pytest.approx(np.mean([kinds[a] != kinds[b] for a, b in pairs]))


def test_nothing_is_looked_at_that_is_not_asked_for(truth):
    assert Evaluator().lists(None, truth) == ({}, {})


def events(*rows):
    return pd.DataFrame(rows, columns=["user", "item"]).assign(timestamp=pd.Timestamp("2024-01-01"))


def test_churn_is_of_those_who_did_nothing():
    """The panel is u, v and w. Then u buys; of v's two best one is new, of w's none: churn 1 / 4."""
    history = History()
    history.observe(events(("u", 0), ("v", 1), ("w", 2)))
    evaluator = Evaluator(["ndcg@2", "churn@2"])
    evaluator.lists.choose_panel(Requests(np.array([-1] * 3), np.array(["u", "v", "w"], object)), history)
    best = {"before": [[0, 1], [0, 1], [0, 1]], "after": [[2, 1], [2, 1], [1, 0]]}

    def score(which):
        scores = np.zeros((3, 3))
        np.put_along_axis(scores, np.array(best[which]), [[2.0, 1.0]], axis=1)
        return lambda history, requests: lambda block: scores[block]

    assert np.isnan(evaluator.lists.ask_again("eval", score("before"), history)["all/churn@2"])
    history.observe(events(("u", 1)))
    assert evaluator.lists.ask_again("eval", score("after"), history) == {"all/churn@2": 0.25}
    history.observe(events(("u", 1), ("v", 1), ("w", 1)))  # nobody did nothing
    assert np.isnan(evaluator.lists.ask_again("eval", score("before"), history)["all/churn@2"])


def test_the_panel_is_one_request_a_user_and_not_too_many():
    history = History()
    history.observe(events(("u", 0), ("v", 1), ("w", 2)))
    evaluator = Evaluator(["ndcg@2", "churn@2"], panel=2)
    asked = Requests(np.array([-1] * 4), np.array(["u", "u", "v", "w"], object), np.array(["tea", "", "", ""], object))
    evaluator.lists.choose_panel(asked, history)
    assert evaluator.lists._asked.ids.tolist() == ["u", "v"]
    assert evaluator.lists._asked.users.tolist() == [0, 1]
    assert evaluator.lists._asked.queries.tolist() == ["tea", ""]


def test_diversity_needs_categories(truth):
    plain = Truth(
        truth.requests, truth.targets, truth.bought, truth.popularity, truth.age, truth.items[["text"]], truth.ids
    )
    scores = np.zeros((len(truth.users), truth.catalogue))
    with pytest.raises(InputError, match="diversity, but the item table has no categories"):
        Evaluator(["ndcg@2", "diversity@2"]).lists(lambda block: scores[block], plain)


def test_one_metric_of_ranks_is_needed():
    with pytest.raises(InputError, match="write one of the targets' ranks"):
        Evaluator(["coverage@5"])
