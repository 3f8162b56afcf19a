"""trec_eval's numbers, on random rankings without ties."""

import numpy as np
import pytest
import pytrec_eval

from tfrec.metrics.ranking import METRICS, Ranks, mrr

DEPTHS = (1, 5, 10, 100)
NAMES = {"ndcg": "ndcg_cut", "recall": "recall", "precision": "P", "hit_rate": "success", "map": "map_cut"}


@pytest.fixture(scope="module")
def both():
    """200 pairs, 120 candidates, 1 to 30 targets of which one in ten is not among the candidates."""
    rng = np.random.default_rng(0)
    wanted, run, pair, ahead = {}, {}, [], []
    for number in range(200):
        order, size = rng.permutation(120), rng.integers(1, 31)
        targets = rng.choice(133, size, replace=False)  # 120 and above are not ranked
        wanted[f"{number}"] = {f"{item}": 1 for item in targets}
        run[f"{number}"] = {f"{item}": float(-place) for place, item in enumerate(order)}
        place = np.full(133, np.inf)
        place[order] = np.arange(120)
        pair.append(np.full(size, number))
        ahead.append(place[targets])
    pair, ahead = np.concatenate(pair), np.concatenate(ahead)
    measures = {f"{name}.{','.join(map(str, DEPTHS))}" for name in NAMES.values()} | {"recip_rank"}
    theirs = pytrec_eval.RelevanceEvaluator(wanted, measures).evaluate(run)
    return Ranks(pair, ahead, np.zeros(len(pair), int), np.bincount(pair)), theirs


@pytest.mark.parametrize("k", DEPTHS)
@pytest.mark.parametrize("name", NAMES)
def test_trec_eval_says_the_same(both, name, k):
    ranks, theirs = both
    expected = np.array([theirs[f"{number}"][f"{NAMES[name]}_{k}"] for number in range(200)])
    if name == "map":  # trec_eval divides by |T| where we divide by min(k, |T|)
        expected = expected * ranks.sizes / np.minimum(k, ranks.sizes)
    np.testing.assert_allclose(METRICS[name](ranks, k), expected, atol=1e-12)


def test_the_first_target_of_the_whole_catalogue(both):
    ranks, theirs = both
    expected = [theirs[f"{number}"]["recip_rank"] for number in range(200)]
    np.testing.assert_allclose(mrr(ranks), expected, atol=1e-12)
    np.testing.assert_allclose(mrr(ranks, 120), expected, atol=1e-12)
