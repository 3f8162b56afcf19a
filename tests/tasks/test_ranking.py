"""Losses of lists: by hand, against loops in numpy, and what padding and the order may not change."""

import math
from itertools import product

import numpy as np
import pytest
import tensorflow as tf
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tfrec.build import build
from tfrec.errors import InputError
from tfrec.folders import conf_folder
from tfrec.tasks.ranking import LambdaRank, Listwise, Pairwise, Pointwise

FOLDER = conf_folder() / "model" / "loss"


def of_lists(path):
    return getattr(build(OmegaConf.to_container(OmegaConf.load(path)), "model.loss", seed=0), "task", "") == "ranking"


# Losses of other tasks may be in the same folder.
LOSSES = sorted(path.stem for path in FOLDER.glob("*.yaml") if of_lists(path))
every_loss = pytest.mark.parametrize("name", LOSSES)


def make(name):
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        node = compose("config", overrides=[f"+model/loss@chosen={name}"]).chosen
    return build(OmegaConf.to_container(node), "model.loss", seed=0)


def lists(seed=0, n=5, length=12):
    """Different logits, some positives and negatives in every list."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, length)) < 0.3).astype(np.float32)
    labels[:, 0], labels[:, 1] = 1, 0
    return rng.normal(size=(n, length)).astype(np.float32), labels, np.ones((n, length), np.float32)


def loss_and_gradient(loss, logits, labels, mask):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits, tf.constant(labels), tf.constant(mask))
    return value.numpy(), tape.gradient(value, logits).numpy()


def one(loss, logits, labels):
    return loss(tf.constant([logits]), tf.constant([labels]), tf.ones((1, len(logits)))).numpy().item()


def test_all_four_are_options():
    assert {"pointwise", "pairwise", "listwise", "lambda_rank"} <= set(LOSSES)


def test_pointwise_by_hand():
    # p = sigmoid(log 3) = 3/4 of the positive, sigmoid(0) = 1/2 of the negative: (log 4/3 + log 2) / 2.
    assert one(Pointwise(), [math.log(3), 0.0], [1.0, 0.0]) == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_pairwise_by_hand():
    # The positive is log 3 above one negative and equal to the other: log(1 + 1/3) and log(1 + 1), of two pairs.
    assert one(Pairwise(), [math.log(3), 0.0, math.log(3)], [1.0, 0.0, 0.0]) == pytest.approx(
        (math.log(4 / 3) + math.log(2)) / 2, rel=1e-6
    )


def test_listwise_by_hand():
    # softmax of log 1, log 2, log 5 is 1/8, 2/8, 5/8; two positives, each with target 1/2.
    logits = [math.log(1), math.log(2), math.log(5)]
    assert one(Listwise(), logits, [1.0, 1.0, 0.0]) == pytest.approx((math.log(8) + math.log(4)) / 2, rel=1e-6)


def test_lambda_rank_by_hand():
    # Ranks 1, 2, 3 with discounts 1, 1/log2(3), 1/2; the positive is third, so the ideal DCG is 1.
    # Against the first: (1 - 1/2) log(1 + e^2); against the second: (1/log2(3) - 1/2) log(1 + e^1).
    expected = 0.5 * math.log(1 + math.e**2) + (1 / math.log2(3) - 0.5) * math.log(1 + math.e)
    assert one(LambdaRank(), [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]) == pytest.approx(expected, rel=1e-6)
    # At k = 2 the third place counts nothing; sigma 2 doubles the differences.
    expected = math.log(1 + math.e**4) + 1 / math.log2(3) * math.log(1 + math.e**2)
    assert one(LambdaRank(k=2, sigma=2.0), [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("k", [1, 3, 100])
def test_lambda_rank_weights_are_what_ndcg_changes(k):
    """Gradients against NDCG@k computed anew for every pair with its two places changed."""
    logits, labels, mask = lists(n=3)
    _, gradient = loss_and_gradient(LambdaRank(k=k), logits, labels, mask)
    expected = np.zeros_like(logits, np.float64)
    for row, (s, y) in enumerate(zip(logits.astype(float), labels, strict=True)):
        for i, j in product(np.flatnonzero(y == 1), np.flatnonzero(y == 0)):
            swapped = s.copy()
            swapped[[i, j]] = s[[j, i]]
            pull = abs(ndcg(s, y, k) - ndcg(swapped, y, k)) / (1 + math.exp(s[i] - s[j]))
            expected[row, i] -= pull
            expected[row, j] += pull
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def ndcg(scores, labels, k):
    def dcg(ordered):
        return sum(label / math.log2(place + 2) for place, label in enumerate(ordered[:k]))

    return dcg(labels[np.argsort(-scores)]) / dcg(np.sort(labels)[::-1])


def test_lambda_rank_learns_from_equal_logits():
    _, gradient = loss_and_gradient(
        LambdaRank(), np.zeros((1, 3), np.float32), np.float32([[0, 0, 1]]), np.ones((1, 3))
    )
    assert gradient[0, 2] < 0 < gradient[0, 0]


@every_loss
def test_padding_changes_nothing(name):
    """Whatever stands in it, and wherever it stands."""
    loss, (logits, labels, mask) = make(name), lists()
    value, gradient = loss_and_gradient(loss, logits, labels, mask)
    where = [0, 0, 4, 12, 12]
    padded = [np.insert(a, where, fill, 1) for a, fill in ((logits, np.nan), (labels, 1), (mask, 0))]
    value_of_padded, gradient_of_padded = loss_and_gradient(loss, *padded)
    np.testing.assert_allclose(value_of_padded, value, rtol=1e-6)
    np.testing.assert_allclose(gradient_of_padded, np.insert(gradient, where, 0, 1), rtol=1e-5, atol=1e-8)


@every_loss
def test_the_order_of_a_list_does_not_matter(name):
    loss, arrays = make(name), lists()
    value, gradient = loss_and_gradient(loss, *arrays)
    order = np.random.default_rng(1).permutation(gradient.shape[1])
    permuted_value, permuted = loss_and_gradient(loss, *(a[:, order] for a in arrays))
    np.testing.assert_allclose(permuted_value, value, rtol=1e-5)
    np.testing.assert_allclose(permuted, gradient[:, order], rtol=1e-5, atol=1e-7)


@every_loss
@pytest.mark.parametrize(("labels", "mask"), [([1, 1, 1], [1, 1, 1]), ([0, 0, 1], [1, 1, 0]), ([1, 0, 0], [0, 0, 0])])
def test_a_list_of_one_kind_says_nothing(name, labels, mask):
    value, gradient = loss_and_gradient(make(name), *(np.float32([a]) for a in ([0.5, -1, 2], labels, mask)))
    assert value == [0] and not gradient.any()


@every_loss
def test_large_logits_stay_finite_and_gradients_point_to_the_positives(name):
    logits, labels, mask = lists()
    value, gradient = loss_and_gradient(make(name), logits * 1e4, labels, mask)
    assert value.dtype == np.float32 and np.isfinite(value).all() and np.isfinite(gradient).all()
    _, gradient = loss_and_gradient(make(name), logits, labels, mask)
    assert gradient[labels == 1].sum() < 0 < gradient[labels == 0].sum()


@every_loss
def test_xla_gives_the_same_numbers(name):
    loss, arrays = make(name), lists()
    arrays[2][:, -3:] = 0
    compiled = tf.function(lambda *given: value_and_gradient(loss, *given), jit_compile=True)
    plain = value_and_gradient(loss, *map(tf.constant, arrays))
    for got, expected in zip(compiled(*map(tf.constant, arrays)), plain, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)


def value_and_gradient(loss, logits, labels, mask):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits, labels, mask)
    return value, tape.gradient(value, logits)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"sigma": 0.0}])
def test_wrong_settings_are_named(wrong):
    with pytest.raises(InputError, match=f"model.loss.{next(iter(wrong))} is 0"):
        LambdaRank(**wrong)
