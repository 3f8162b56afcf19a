"""Ties are exact expectations: the mean over all orders, by brute force."""

from itertools import permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.test_ranking import ranks
from tfrec.metrics.first_hit import hit_chance, mean_reciprocal
from tfrec.metrics.ranking import METRICS, Ranks, average_precision, hit_rate, mrr, precision


def of_scores(scores, targets, lost=0):
    """The ranks of one pair: `ahead` counts higher scores, `tied` the other equal ones; `lost` is not in the scores."""
    own = scores[targets][:, None]
    ahead, tied = (scores > own).sum(axis=1), (scores == own).sum(axis=1) - 1
    ahead = np.append(ahead, [np.inf] * lost)
    tied = np.append(tied, [0] * lost)
    return Ranks(np.zeros(len(ahead), int), ahead, tied, np.array([len(ahead)]))


def defined(hits, size, k):
    """Every metric of one list of hits in ranked order, from its definition, in plain loops."""
    places = [place for place, hit in enumerate(hits, 1) if hit and place <= k]
    ideal = sum(1 / np.log2(1 + place) for place in range(1, min(k, size) + 1))
    return {
        "ndcg": sum(1 / np.log2(1 + place) for place in places) / ideal,
        "recall": len(places) / size,
        "capped_recall": len(places) / min(k, size),
        "precision": len(places) / k,
        "hit_rate": float(len(places) > 0),
        "mrr": 1 / places[0] if places else 0.0,
        "map": sum(sum(hits[:place]) / place for place in places) / min(k, size),
    }


@given(st.lists(st.integers(0, 2), min_size=1, max_size=5), st.data())
@settings(max_examples=60, deadline=None)
def test_every_metric_is_its_mean_over_all_orders(scores, data):
    """Up to 5 candidates with up to 3 different scores, some of them targets, and targets outside of the catalogue."""
    scores, n = np.array(scores), len(scores)
    targets = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True))
    lost, k = data.draw(st.integers(0, 2)), data.draw(st.integers(1, n + 2))
    of_one = of_scores(scores, targets, lost)
    orders = [sorted(order, key=lambda item: -scores[item]) for order in permutations(range(n))]
    values = [defined([item in targets for item in order], len(targets) + lost, k) for order in orders]
    for name, metric in METRICS.items():
        assert metric(of_one, k)[0] == pytest.approx(np.mean([value[name] for value in values]), abs=1e-12), name
    whole = [defined([item in targets for item in order], len(targets) + lost, n)["mrr"] for order in orders]
    assert mrr(of_one)[0] == pytest.approx(np.mean(whole), abs=1e-12)


def test_two_targets_in_a_tie_of_three_at_the_top():
    """Orders TTx, TxT, xTT. First target at 1, 1, 2; of k = 2 places 2, 1, 1 are hits."""
    tie = ranks([0, 0], tied=[2, 2])
    assert hit_rate(tie, 1) == pytest.approx([2 / 3])
    assert hit_rate(tie, 2) == [1.0]
    assert mrr(tie) == pytest.approx([(1 + 1 + 1 / 2) / 3])
    assert mrr(tie, 1) == pytest.approx([2 / 3])
    assert precision(tie, 2) == pytest.approx([(1 + 1 / 2 + 1 / 2) / 3])
    # precision at the hits, of at most 2: (1 + 1) / 2, 1 / 2, (1 / 2) / 2
    assert average_precision(tie, 2) == pytest.approx([(1 + 1 / 2 + 1 / 4) / 3])


@pytest.mark.parametrize("g", [1, 2, 40, 1500, 3000])
@pytest.mark.parametrize("a", [0, 3, 60, 700])
def test_the_first_of_many(a, g):
    """Whole numbers: sum over j of C(g - j, m - 1) / C(g, m) / (a + j), short ties and long ones."""
    several = np.array([m for m in (1, 2, 5, 30, 200, g) if m <= g])
    expected, chances, k = [], [], a + max(1, g // 3)
    for m in several.tolist():
        law = [comb(g - j, m - 1) / comb(g, m) for j in range(1, g - m + 2)]
        expected.append(sum(p / (a + j) for j, p in enumerate(law, 1)))
        chances.append(sum(law[: k - a]))
    before, size = np.full(len(several), a), np.full(len(several), g)
    np.testing.assert_allclose(mean_reciprocal(before, size, several), expected, rtol=1e-10)
    np.testing.assert_allclose(hit_chance(before, size, several, k), chances, rtol=1e-10)
    np.testing.assert_allclose(mean_reciprocal(before, size, several, a + g), expected, rtol=1e-10)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("tied", [False, True])
def test_an_oracle_scores_one_and_lost_targets_nothing(name, tied):
    """5 targets before all else, in any order; and 5 that are not in the catalogue."""
    ahead, beside = (np.zeros(5), np.full(5, 4)) if tied else (np.arange(5), np.zeros(5))
    for k in (1, 2, 5):
        best = METRICS[name](ranks(ahead, tied=beside), k)
        assert best == pytest.approx([k / 5 if name == "recall" else 1.0], rel=1e-15)
        assert METRICS[name](ranks([np.inf] * 5), k) == [0.0]


def test_pairs_do_not_mix():
    """Two pairs at once, one shuffled into the other, are what each is alone; a pair without targets here is 0."""
    one, two = of_scores(np.array([2, 2, 1, 0, 0]), [0, 3]), of_scores(np.array([5, 1, 1, 1]), [1, 2, 3], lost=1)
    pair = np.array([2, 0, 2, 2, 0, 2])
    ahead, tied = np.zeros(6), np.zeros(6, int)
    for number, alone in ((0, one), (2, two)):
        ahead[pair == number], tied[pair == number] = alone.ahead, alone.tied
    both = Ranks(pair, ahead, tied, np.array([2, 1, 4]))
    for metric in METRICS.values():
        for k in (1, 3):
            np.testing.assert_allclose(metric(both, k), [*metric(one, k), 0, *metric(two, k)], rtol=1e-12)
    np.testing.assert_allclose(mrr(both), [*mrr(one), 0, *mrr(two)], rtol=1e-12)
