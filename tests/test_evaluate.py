import numpy as np
import pytest

from tfrec.data.history import History
from tfrec.data.interactions import Interactions
from tfrec.data.stream import Stream
from tfrec.data.truth import LeakError, Truth
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator


@pytest.fixture
def truth(stream):
    history = History()
    for t in range(4):
        history.observe(stream[t])
    return Truth.of(stream[4], history), history


def by_hand(scores, truth, view, k):
    """NDCG@k of every user by sorting the whole catalogue, ties by row: independent of the evaluator."""
    values = []
    for user in range(len(truth.users)):
        bought, targets = set(truth.bought[user].tolist()), truth.targets[user].tolist()
        candidates = list(range(scores.shape[1]))
        if view == "repeat":
            candidates, targets = [i for i in candidates if i in bought], [i for i in targets if i in bought]
        if view == "novel":
            candidates, targets = [i for i in candidates if i not in bought], [i for i in targets if i not in bought]
        ranked = sorted(candidates, key=lambda i: (-scores[user, i], i))[:k]
        gain = sum(1 / np.log2(2 + place) for place, item in enumerate(ranked) if item in targets)
        best = sum(1 / np.log2(2 + place) for place in range(min(k, len(targets))))
        values.append(gain / best if targets else np.nan)
    return np.array(values)


@pytest.mark.parametrize("view", ["all", "repeat", "novel"])
@pytest.mark.parametrize("levels", [3, 1000])  # many ties, few ties
@pytest.mark.parametrize("k", [1, 5, 100])
def test_agrees_with_sorting_by_hand(truth, view, levels, k):
    truth, history = truth
    scores = np.random.default_rng(k).integers(0, levels, (len(truth.users), len(history.items))).astype(float)
    result = Evaluator([f"ndcg@{k}"], block=5)(lambda block: scores[block], truth)
    np.testing.assert_allclose(result[f"{view}/ndcg@{k}"], by_hand(scores, truth, view, k))


def test_new_items_are_misses_not_dropped(stream):
    """In period 3 items appear that nobody has bought: an oracle over the catalogue cannot reach 1."""
    history = History()
    for t in range(3):
        history.observe(stream[t])
    truth = Truth.of(stream[3], history)
    assert any((targets < 0).any() for targets in truth.targets)
    oracle = np.zeros((len(truth.users), len(history.items)))
    for user, targets in enumerate(truth.targets):
        oracle[user, targets[targets >= 0]] = 1
    result = Evaluator(["recall@100"])(lambda block: oracle[block], truth)
    reachable = [np.mean(targets >= 0) for targets in truth.targets]
    np.testing.assert_allclose(result["all/recall@100"], reachable)


def test_an_oracle_scores_one_and_its_opposite_zero(truth):
    truth, history = truth
    oracle = np.zeros((len(truth.users), len(history.items)))
    for user, targets in enumerate(truth.targets):
        oracle[user, targets[targets >= 0]] = 1
    whole = [user for user, targets in enumerate(truth.targets) if (targets >= 0).all()]
    result = Evaluator(["ndcg@3"])(lambda block: oracle[block], truth)
    np.testing.assert_allclose(result["all/ndcg@3"][whole], 1)
    opposite = Evaluator(["ndcg@3"])(lambda block: -oracle[block], truth)
    assert np.nanmax(opposite["all/ndcg@3"]) == 0


@pytest.mark.parametrize("view", ["all", "repeat", "novel"])
def test_a_constant_scores_like_chance_where_ties_are_expected(truth, view):
    """Of N equal candidates, k are shown: each target is a hit with probability k / N."""
    truth, history = truth
    constant = np.zeros((len(truth.users), len(history.items)))
    result = Evaluator(["recall@5"], ties="expected")(lambda block: constant[block], truth)[f"{view}/recall@5"]
    for user, value in enumerate(result):
        bought, targets = truth.bought[user], truth.targets[user]
        repeat = np.isin(targets, bought)
        candidates = {"all": len(history.items), "repeat": len(bought), "novel": len(history.items) - len(bought)}[view]
        chosen = {"all": targets, "repeat": targets[repeat], "novel": targets[~repeat]}[view]
        if len(chosen):
            assert value == pytest.approx(min(1, 5 / candidates) * np.mean(chosen >= 0))


def test_expected_ties_agree_with_the_mean_over_shuffled_rows(truth):
    truth, history = truth
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 4, (len(truth.users), len(history.items))).astype(float)
    expected = Evaluator(["ndcg@7"], ties="expected")(lambda block: scores[block], truth)
    evaluator = Evaluator(["ndcg@7"])
    draws = [evaluator(lambda block: scores[block] + 0.5 * rng.random(scores[block].shape), truth) for _ in range(400)]
    for view in ("all", "repeat", "novel"):
        drawn = np.array([draw[f"{view}/ndcg@7"] for draw in draws])
        noise = 4.5 * drawn.std(axis=0) / np.sqrt(len(draws)) + 1e-9
        assert np.all(
            np.abs(drawn.mean(axis=0) - expected[f"{view}/ndcg@7"])[~np.isnan(noise)] <= noise[~np.isnan(noise)]
        )


def test_two_items_with_the_same_vector_share_their_place(truth):
    """A copy of an item's scores ties with it: by row the first wins, expected both get the mean."""
    truth, history = truth
    scores = np.random.default_rng(2).random((len(truth.users), len(history.items)))
    scores[:, 1] = scores[:, 0]
    by_row = Evaluator(["recall@1"])(lambda block: scores[block], truth)
    assert np.isfinite(by_row["all/recall@1"]).all()
    np.testing.assert_allclose(by_row["all/recall@1"], recall_at_1(scores, truth))


def recall_at_1(scores, truth):
    return [np.mean(targets == np.argmax(row)) for row, targets in zip(scores, truth.targets, strict=True)]


def test_blocks_do_not_change_the_result(truth):
    truth, history = truth
    scores = np.random.default_rng(3).random((len(truth.users), len(history.items)))
    results = [Evaluator(block=block)(lambda rows: scores[rows], truth) for block in (1, 3, 64)]
    for name in results[0]:
        np.testing.assert_array_equal(results[0][name], results[1][name])
        np.testing.assert_array_equal(results[0][name], results[2][name])


def test_a_scorer_with_an_old_catalogue_misses_what_is_new(truth):
    truth, history = truth
    scores = np.random.default_rng(4).random((len(truth.users), len(history.items)))
    old = 12
    evaluator = Evaluator(["recall@100"])
    with pytest.raises(InputError, match=f"scores for 12 items, and the catalogue has {truth.catalogue}"):
        evaluator(lambda block: scores[block, :old], truth)
    result = evaluator(lambda block: scores[block, :old], truth, partial=True)
    for view in ("all", "repeat", "novel"):
        expected = []
        for targets, bought in zip(truth.targets, truth.bought, strict=True):
            repeat = np.isin(targets, bought)
            chosen = {"all": targets, "repeat": targets[repeat], "novel": targets[~repeat]}[view]
            expected.append(np.mean((chosen >= 0) & (chosen < old)) if len(chosen) else np.nan)
        np.testing.assert_allclose(result[f"{view}/recall@100"], expected)


def test_a_history_that_knows_the_period_is_refused(stream):
    history = History()
    for t in range(3):
        history.observe(stream[t])
    with pytest.raises(LeakError, match="the history has seen events of period 2"):
        Truth.of(stream[2], history)


def test_a_log_of_dates_alone_is_guarded_too(interactions):
    """All events of a day have one time: the period's number tells what its time does not."""
    events = interactions.events.assign(timestamp=interactions.events["timestamp"].dt.floor("1D"))
    stream, history = Stream(Interactions(events, interactions.items), "1D"), History()
    history.observe(stream[0])
    Truth.of(stream[1], history)
    history.observe(stream[1])
    with pytest.raises(LeakError, match="of period 1"):
        Truth.of(stream[1], history)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("ties", ["row", "expected"])
def test_scores_that_are_not_finite_are_refused(truth, value, ties):
    """A diverged model ranks nothing; compared as numbers, NaN would put every target first."""
    truth, history = truth
    scores = np.zeros((len(truth.users), len(history.items)))
    scores[3, 5] = value
    with pytest.raises(InputError, match="a model has diverged"):
        Evaluator(ties=ties)(lambda block: scores[block], truth)


@pytest.mark.parametrize("name", ["ndcg", "ndcg@0", "nonsense@10", "ndcg@10~sampled99"])
def test_unknown_metrics_are_refused(name):
    with pytest.raises(InputError, match="evaluate.metrics has"):
        Evaluator([name])


def test_unknown_tie_rule_is_refused():
    with pytest.raises(InputError, match="choose row or expected"):
        Evaluator(ties="best")


def test_an_item_bought_twice_is_one_target(stream):
    """Two equal targets at the top would be two hits where the ideal has one: NDCG above 1."""
    history = History()
    for t in range(4):
        history.observe(stream[t])
    once, twice = stream[4], stream[4].loc[stream[4].index.repeat(2)]
    one, two = Truth.of(once, history), Truth.of(twice, history)
    assert [targets.tolist() for targets in one.targets] == [targets.tolist() for targets in two.targets]
