"""Every ranking metric, through the evaluator: closed-form values of constant, random, oracle and doubled models."""

from math import comb

import numpy as np
import pytest
import pytrec_eval

from tfrec.data.requests import Requests
from tfrec.data.truth import Truth
from tfrec.evaluate import Evaluator
from tfrec.metrics.ranking import METRICS

N, K = 40, 7  # items, depth
NAMES = [*(f"{name}@{K}" for name in METRICS), "mrr"]


def make_truth(requests=300, seed=0):
    """From 1 to 5 targets each, all in the catalogue; from 0 to 8 items bought before."""
    rng = np.random.default_rng(seed)
    some = lambda low, high: [rng.permutation(N)[: rng.integers(low, high)] for _ in range(requests)]  # noqa: E731
    asked = Requests(np.arange(requests), np.array([f"u{n}" for n in range(requests)]))
    return Truth(asked, some(1, 6), some(0, 9), np.ones(N, int), np.ones(N, int))


TRUTH = make_truth()


def evaluated(scores, truth=TRUTH, **options):
    return Evaluator(NAMES, **options)(lambda block: scores[block], truth)


def limited(view):
    """Candidates and targets of each request in a view."""
    for targets, bought in zip(TRUTH.targets, TRUTH.bought, strict=True):
        candidates = {"all": np.arange(N), "repeat": bought, "novel": np.setdiff1d(np.arange(N), bought)}[view]
        yield len(candidates), np.isin(targets, candidates).sum()


def by_chance(name, n, m):
    """The mean over all orders of n candidates with m targets, by counting."""
    k, shown = K, min(K, n)
    places = np.arange(1, n + 1)
    if name.startswith("ndcg"):
        best = (1 / np.log2(1 + np.arange(1, min(k, m) + 1))).sum()
        return m / n * (1 / np.log2(1 + places[:shown])).sum() / best
    if name.startswith(("recall", "capped_recall", "precision")):
        over = {"recall": m, "capped_recall": min(k, m), "precision": k}[name.partition("@")[0]]
        return m * shown / n / over
    if name.startswith("hit_rate"):
        return 1 - comb(n - m, shown) / comb(n, shown)
    first = np.array([comb(n - place, m - 1) / comb(n, m) for place in places])  # P(the first target is at a place)
    if name.startswith("mrr"):
        return (first / places)[: shown if "@" in name else n].sum()
    assert name.startswith("map")
    # A target at place r has in expectation (r - 1) (m - 1) / (n - 1) others before it.
    precision = (1 + (places - 1) * (m - 1) / max(n - 1, 1)) / places
    return m / n * precision[:shown].sum() / min(k, m)


@pytest.mark.parametrize("view", ["all", "repeat", "novel"])
@pytest.mark.parametrize("name", NAMES)
def test_a_constant_model_is_chance(name, view):
    values = evaluated(np.zeros((len(TRUTH.users), N)), ties="expected")[f"{view}/{name}"]
    for value, (n, m) in zip(values, limited(view), strict=True):
        assert np.isnan(value) if m == 0 else value == pytest.approx(by_chance(name, n, m))


@pytest.mark.parametrize("name", NAMES)
def test_a_random_model_is_a_constant_one_on_average(name):
    rng = np.random.default_rng(1)
    draws = np.array([evaluated(rng.random((len(TRUTH.users), N)))[f"all/{name}"].mean() for _ in range(40)])
    expected = np.mean([by_chance(name, n, m) for n, m in limited("all")])
    assert abs(draws.mean() - expected) < 4 * draws.std(ddof=1) / np.sqrt(len(draws))


def oracle():
    scores = np.zeros((len(TRUTH.users), N))
    for user, targets in enumerate(TRUTH.targets):
        scores[user, targets] = 1
    return scores


@pytest.mark.parametrize("view", ["all", "repeat", "novel"])
@pytest.mark.parametrize("name", NAMES)
def test_an_oracle_has_one(name, view):
    values = evaluated(oracle())[f"{view}/{name}"]
    sizes = np.array([m for _, m in limited(view)])
    expected = sizes / K if name.startswith("precision") else np.ones(len(sizes))
    np.testing.assert_allclose(values[sizes > 0], expected[sizes > 0])


@pytest.mark.parametrize("name", [name for name in NAMES if "@" in name])
def test_the_opposite_of_an_oracle_has_zero(name):
    assert (evaluated(-oracle())[f"all/{name}"] == 0).all()  # at most 5 targets, below at least 35 > K others


@pytest.mark.parametrize("name", NAMES)
def test_two_items_with_one_vector_share_their_places(name):
    """By expected ties: the mean of the two orders in which the two can stand. By row: the first one first."""
    scores = np.random.default_rng(2).permuted(np.tile(np.arange(2.0, N + 2), (len(TRUTH.users), 1)), axis=1)
    scores[:, 30] = scores[:, 4]
    orders = []
    for sign in (1, -1):
        apart = scores.copy()
        apart[:, 4] += 0.25 * sign
        orders.append(evaluated(apart)[f"all/{name}"])
    np.testing.assert_allclose(evaluated(scores, ties="expected")[f"all/{name}"], np.mean(orders, axis=0), atol=1e-12)
    np.testing.assert_allclose(evaluated(scores)[f"all/{name}"], orders[0])


@pytest.mark.parametrize("view", ["all", "repeat", "novel"])
def test_agrees_with_trec_eval(view):
    """trec_eval's own names; its map divides by all targets, so it is compared where those fit into the depth."""
    rng = np.random.default_rng(3)
    scores = rng.permuted(np.tile(np.arange(1.0, N + 1), (len(TRUTH.users), 1)), axis=1)
    relevant, ranked = {}, {}
    for user, (targets, bought) in enumerate(zip(TRUTH.targets, TRUTH.bought, strict=True)):
        candidates = {"all": np.arange(N), "repeat": bought, "novel": np.setdiff1d(np.arange(N), bought)}[view]
        kept = np.intersect1d(targets, candidates)
        if len(kept):
            relevant[str(user)] = {str(item): 1 for item in kept}
            ranked[str(user)] = {str(item): float(scores[user, item]) for item in candidates}
    measures = {f"{kind}.{K}" for kind in ("ndcg_cut", "recall", "P", "map_cut", "success")} | {"recip_rank"}
    theirs = pytrec_eval.RelevanceEvaluator(relevant, measures).evaluate(ranked)
    ours = evaluated(scores)
    names = {"ndcg": "ndcg_cut", "recall": "recall", "precision": "P", "map": "map_cut", "hit_rate": "success"}
    pairs = {f"{name}@{K}": f"{other}_{K}" for name, other in names.items()} | {"mrr": "recip_rank"}
    for name, other in pairs.items():
        values = [ours[f"{view}/{name}"][int(user)] for user in theirs]
        np.testing.assert_allclose(values, [each[other] for each in theirs.values()], atol=1e-4)  # it rounds
