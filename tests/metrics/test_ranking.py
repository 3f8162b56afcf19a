import numpy as np
import pytest

from tfrec.metrics.ranking import Ranks, capped_recall, ndcg, recall


def ranks(ahead, pair=None, tied=None, sizes=None):
    ahead = np.asarray(ahead, float)
    pair = np.zeros(len(ahead), int) if pair is None else np.asarray(pair)
    tied = np.zeros(len(ahead)) if tied is None else np.asarray(tied)
    return Ranks(pair, ahead, tied, np.bincount(pair) if sizes is None else np.asarray(sizes))


def test_hits_at_ranks_1_and_3_of_3_targets():
    # DCG = 1/log2(2) + 1/log2(4) = 1.5; ideal of three = 1 + 1/log2(3) + 1/2 = 2.13093
    result = ranks([0, 2, 50])
    assert ndcg(result, 10) == pytest.approx([1.5 / (1.5 + 1 / np.log2(3))])
    assert recall(result, 10) == pytest.approx([2 / 3])
    assert recall(result, 2) == pytest.approx([1 / 3])


def test_more_targets_than_places():
    # 4 targets, 2 places, both hit: recall 2/4, capped recall 2/2, ndcg 1
    result = ranks([0, 1, 2, 3])
    assert recall(result, 2) == pytest.approx([0.5])
    assert capped_recall(result, 2) == pytest.approx([1.0])
    assert ndcg(result, 2) == pytest.approx([1.0])


def test_a_target_outside_of_the_catalogue_is_a_miss_and_counts_in_the_ideal():
    # one hit at the top, one target that cannot be ranked: 1 / (1 + 1/log2(3))
    assert ndcg(ranks([0, np.inf]), 10) == pytest.approx([1 / (1 + 1 / np.log2(3))])


def test_pairs_are_kept_apart():
    result = ranks([0, 0, 9], pair=[0, 1, 1])
    assert recall(result, 5) == pytest.approx([1.0, 0.5])


def test_a_tie_is_the_mean_over_all_orders():
    # one target among 4 of equal score at the top: mean gain of places 1..4, of which 2 are within k
    assert ndcg(ranks([0], tied=[3]), 2) == pytest.approx([(1 + 1 / np.log2(3)) / 4])
    assert recall(ranks([0], tied=[3]), 2) == pytest.approx([0.5])


def test_ties_agree_with_shuffling():
    rng = np.random.default_rng(0)
    scores = np.array([3, 2, 2, 2, 1, 1, 1, 1.0])
    targets = [1, 5]
    drawn = []
    for _ in range(20_000):
        order = np.lexsort((rng.random(8), -scores))
        place = np.empty(8, int)
        place[order] = np.arange(8)
        drawn.append(ndcg(ranks(place[targets]), 5)[0])
    exact = ndcg(ranks([1, 4], tied=[2, 3]), 5)[0]
    assert exact == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(len(drawn)))
