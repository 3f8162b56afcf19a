import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from tfrec.errors import InputError
from tfrec.metrics import labels as ours

RNG = np.random.default_rng(0)
LABELS, USERS = (RNG.random(600) < 0.3).astype(float), RNG.integers(0, 40, 600)
CHANCES, WEIGHTS = RNG.integers(0, 31, 600) / 30, RNG.uniform(0, 2, 600)  # many ties, 0 and 1 among them
AT_A_HALF = {
    "accuracy": metrics.accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
}


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_scikit_learn_says_the_same(weights):
    for name, theirs in AT_A_HALF.items():
        expected = theirs(LABELS, CHANCES >= 0.5, sample_weight=weights)
        assert ours.METRICS[name](LABELS, CHANCES, weights) == pytest.approx(expected, rel=1e-12)
        expected = theirs(LABELS, CHANCES >= 0.2, sample_weight=weights)
        assert ours.METRICS[name](LABELS, CHANCES, weights, threshold=0.2) == pytest.approx(expected, rel=1e-12)
    inside = np.clip(CHANCES, 0.01, 0.99)
    base = np.full(600, np.average(LABELS, weights=weights))
    loss, least = (metrics.log_loss(LABELS, p, sample_weight=weights) for p in (inside, base))
    assert ours.log_loss(LABELS, inside, weights) == pytest.approx(loss, rel=1e-12)
    assert ours.ne(LABELS, inside, weights) == pytest.approx(loss / least, rel=1e-12)
    assert ours.ne(LABELS, base, weights) == pytest.approx(1)


def test_auc_by_all_pairs():
    ones, zeros = CHANCES[LABELS == 1], CHANCES[LABELS == 0]
    won = (ones[:, None] > zeros).mean() + (ones[:, None] == zeros).mean() / 2
    assert ours.auc(LABELS, CHANCES) == pytest.approx(won)
    weights = np.outer(WEIGHTS[LABELS == 1], WEIGHTS[LABELS == 0])
    won = (weights * ((ones[:, None] > zeros) + (ones[:, None] == zeros) / 2)).sum() / weights.sum()
    assert ours.auc(LABELS, CHANCES, WEIGHTS) == pytest.approx(won)


def gauc_of_scikit_learn(labels, predictions, weights, users):
    values, shares = [], []
    for user in np.unique(users):
        own = users == user
        if len(np.unique(labels[own & (weights > 0)])) == 2:
            values.append(metrics.roc_auc_score(labels[own], predictions[own], sample_weight=weights[own]))
            shares.append(weights[own].sum())
    return np.average(values, weights=shares) if values else np.nan


@pytest.mark.parametrize("weights", [None, WEIGHTS, 0.99 ** np.arange(600.0)])
def test_gauc_is_scikit_learns_auc_user_by_user(weights):
    expected = gauc_of_scikit_learn(LABELS, CHANCES, np.ones(600) if weights is None else weights, USERS)
    assert ours.gauc(LABELS, CHANCES, weights, USERS) == pytest.approx(expected, rel=1e-10)


@given(st.integers(1, 12), st.data())
@settings(max_examples=150, deadline=None)
def test_gauc_of_few_events(n, data):
    """Users with one event, with one class, all alike, weights of 0."""
    labels, users = (data.draw(arrays(int, n, elements=st.integers(0, top))) for top in (1, 3))
    scores, weights = (data.draw(arrays(int, n, elements=st.integers(low, 3))) for low in (-3, 0))
    expected = gauc_of_scikit_learn(labels, scores.astype(float), weights.astype(float), users)
    np.testing.assert_allclose(ours.gauc(labels, scores, weights, users), expected, rtol=1e-12)


def test_gauc_of_three_users():
    # user 7: 1 above one 0, tied with another: 3/4, 3 events; user 2: 0, 2 events; user 5 has one class only
    users = np.array([7, 2, 7, 5, 7, 2])
    labels = np.array([1, 1, 0, 1, 0, 0])
    scores = np.array([0.5, 0.1, 0.5, 0.9, -3, 0.2])
    assert ours.gauc(labels, scores, users=users) == pytest.approx((3 * 3 / 4 + 2 * 0) / 5)
    with pytest.raises(InputError, match="gauc takes the users"):
        ours.gauc(labels, scores)


def test_calibration_of_three_bins():
    # bins of a third: {.1, .2} with labels 0, 1; {1/3, .5} with 1, 1, since a bin has its lower end; {1} with 0
    labels, p = np.array([0, 1, 1, 1, 0]), np.array([0.1, 0.2, 1 / 3, 0.5, 1.0])
    expected = (2 * abs(0.5 - 0.15) + 2 * abs(1 - (1 / 3 + 0.5) / 2) + 1 * abs(0 - 1)) / 5
    assert ours.ece(labels, p, bins=3) == pytest.approx(expected)
    twice = np.array([2, 0, 0, 0, 1])  # 3 in weight: .1 twice in the first bin, 1 in the last
    assert ours.ece(labels, p, twice, bins=3) == pytest.approx((2 * 0.1 + 1) / 3)
    assert ours.ece(labels, p) == ours.ece(labels, p, bins=15)


@pytest.mark.parametrize("name", ours.METRICS)
def test_weights_are_repetitions(name):
    """An event of weight 3 is three events, one of weight 0 is none."""
    times = RNG.integers(0, 4, 600)
    again = np.repeat(np.arange(600), times)
    expected = ours.METRICS[name](LABELS[again], CHANCES[again], None, USERS[again])
    assert ours.METRICS[name](LABELS, CHANCES, times, USERS) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("value", [0, 1])
def test_one_class_only(value):
    """4 events of it, predicted .2 twice and .6 twice."""
    labels, p, users = np.full(4, value), np.array([0.2, 0.6, 0.2, 0.6]), np.zeros(4, int)
    found = {name: metric(labels, p, None, users) for name, metric in ours.METRICS.items()}
    assert all(np.isnan(found[name]) for name in ("auc", "gauc", "ne"))
    assert found["accuracy"] == 0.5 and found["precision"] == value
    assert found["log_loss"] == pytest.approx(-np.log([0.2 * 0.6, 0.8 * 0.4][1 - value]) / 2)
    assert found["ece"] == pytest.approx(abs(value - 0.2) / 2 + abs(value - 0.6) / 2)
    # recall has no 1s to find; f1 is 0 of 2 predicted and no 1s, or 2 * 2 / (2 + 4)
    np.testing.assert_allclose([found["recall"], found["f1"]], [[np.nan, 0], [0.5, 2 / 3]][value])
    assert np.isnan(ours.precision(labels, p - 0.2)) and np.isnan(ours.f1(np.zeros(4), p - 0.2))


@pytest.mark.parametrize("name", ours.METRICS)
def test_no_events_and_no_weight_are_undefined(name):
    none = np.zeros(0)
    assert np.isnan(ours.METRICS[name](none, none, None, none))
    assert np.isnan(ours.METRICS[name](LABELS, CHANCES, np.zeros(600), USERS))


@pytest.mark.parametrize("name", ours.METRICS)
def test_what_cannot_be_is_named(name):
    metric, y, p, users = ours.METRICS[name], np.array([0, 1]), np.array([0.1, 0.9]), np.array([0, 0])
    with pytest.raises(InputError, match=r"A label is 4.*choose evaluate.metrics=\[mae,rmse\]"):
        metric(np.array([1, 4]), p, None, users)
    with pytest.raises(InputError, match="A prediction is nan: a model has diverged"):
        metric(y, np.array([0.1, np.nan]), None, users)
    with pytest.raises(InputError, match="A weight of an event is below 0"):
        metric(y, p, np.array([1, -1]), users)
    if name in ("log_loss", "ne", "ece"):
        with pytest.raises(InputError, match="A prediction is 1.5, but log_loss, ne and ece take probabilities"):
            metric(y, np.array([0.1, 1.5]), None, users)
    else:
        assert metric(y, np.array([-7, 1.5]), None, users) == 1
