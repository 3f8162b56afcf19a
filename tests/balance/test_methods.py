"""Each way of weighing tasks against arithmetic, or another solver."""

from itertools import permutations, product

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize

from tfrec.balance.cagrad import Cagrad
from tfrec.balance.dwa import Dwa
from tfrec.balance.gradnorm import Gradnorm
from tfrec.balance.mgda import Mgda
from tfrec.balance.pcgrad import Pcgrad
from tfrec.balance.random import Random
from tfrec.balance.sum import Sum
from tfrec.balance.uncertainty import Uncertainty
from tfrec.errors import InputError


def weights(method, losses, gradients=None):
    """Of one step, by a graph."""
    losses = tf.constant(losses, tf.float32)
    method.build([f"task {n}" for n in range(len(losses))])
    products = None if gradients is None else tf.constant(np.matmul(gradients, np.transpose(gradients)), tf.float32)
    return tf.function(lambda: method.weights(losses, products))().numpy()


def some_gradients(tasks=3, seed=0):
    """Some of which are against one another."""
    return np.random.default_rng(seed).normal(size=(tasks, 5))


def test_given_weights():
    assert weights(Sum({"task 1": 0.5}), [3.0, 4.0]).tolist() == [1.0, 0.5]
    assert weights(Sum(), [3.0]).tolist() == [1.0]


def test_uncertainty_weighs_and_rests_where_each_task_has_the_same_share():
    """w = e^-s / 2; the gradient of L e^-s / 2 + s / 2 is (1 - L e^-s) / 2, zero at s = log L, where w L = 1 / 2."""
    method, losses = Uncertainty(start=0.0, rate=0.5), np.array([4.0, 0.25])
    np.testing.assert_allclose(weights(method, losses), [0.5, 0.5])
    np.testing.assert_allclose(method.variables["s"], [0 - 0.5 * (1 - 4) / 2, 0 - 0.5 * (1 - 0.25) / 2])
    for _ in range(200):
        found = weights(method, losses)
    np.testing.assert_allclose(found * losses, [0.5, 0.5], rtol=1e-4)
    np.testing.assert_allclose(method.variables["s"], np.log(losses), rtol=1e-4)


def test_dwa_weighs_by_the_means_of_the_last_two_updates():
    """Means of 2 and 4, then 1 and 4: r = (0.5, 1), w = 2 softmax(r / 2)."""
    method = Dwa(temperature=2.0)
    for losses in ([1.0, 4.0], [3.0, 4.0]):
        np.testing.assert_allclose(weights(method, losses), [1, 1])
    method.consolidate()
    np.testing.assert_allclose(weights(method, [1.0, 4.0]), [1, 1])
    method.consolidate()
    share = np.exp([0.25, 0.5])
    np.testing.assert_allclose(weights(method, [9.0, 9.0]), 2 * share / share.sum(), rtol=1e-6)


def test_random_weights_have_the_mean_one_and_come_again():
    method = Random(seed=3)
    draws = np.array([weights(method, [1.0, 1.0, 1.0]) for _ in range(20)])
    np.testing.assert_allclose(draws.mean(axis=1), 1, rtol=1e-6)
    assert len({tuple(draw) for draw in draws}) == 20
    np.testing.assert_array_equal(weights(Random(seed=3), [1.0, 1.0, 1.0]), draws[0])


def test_gradnorm_takes_one_step_as_by_hand():
    """|g| = (3, 1), w = (1, 1), mean G = 2. L / L(0) = (1, 0.5) of mean 0.75, so r = (4/3, 2/3), and with alpha 1 the
    targets are (8/3, 4/3): G = (3, 1) is above the first and below the second. w - 0.1 (3, -1) = (0.7, 1.1), of mean
    0.9."""
    method, gradients = Gradnorm(alpha=1.0, rate=0.1), np.array([[3.0, 0.0], [0.0, 1.0]])
    method.build(["task 0", "task 1"])
    method.variables["first"].assign([2.0, 2.0])
    np.testing.assert_allclose(weights(method, [2.0, 1.0], gradients), [1, 1])
    np.testing.assert_allclose(method.variables["weights"], np.array([0.7, 1.1]) / 0.9, rtol=1e-6)


def test_pcgrad_of_two_by_hand():
    """g = (1, 0) and (-1, 1): g . g' = -1, so the first becomes (1, 0) + (-1, 1) / 2 = (.5, .5), the second (-1, 1) +
    (1, 0) = (0, 1): 0.5 and 1 of the other beside 1 of itself."""
    np.testing.assert_allclose(weights(Pcgrad(), [1.0, 1.0], [[1.0, 0.0], [-1.0, 1.0]]), [1 + 1, 1 + 0.5])
    np.testing.assert_allclose(weights(Pcgrad(), [1.0, 1.0], [[1.0, 0.0], [1.0, 1.0]]), [1, 1])


def surgeries(gradients):
    """What PCGrad gives, by gradients themselves, for every order that each task may take the others in."""
    tasks = range(len(gradients))
    for orders in product(*(permutations([j for j in tasks if j != i]) for i in tasks)):
        total = 0
        for i, order in zip(tasks, orders, strict=True):
            moved = gradients[i].copy()
            for j in order:
                if moved @ gradients[j] < 0:
                    moved -= moved @ gradients[j] / (gradients[j] @ gradients[j]) * gradients[j]
            total = total + moved
        yield total


def test_pcgrad_of_three_is_one_of_its_orders_and_all_of_them_come():
    gradients = some_gradients(seed=1)
    expected = np.unique(np.round([*surgeries(gradients)], 4), axis=0)
    assert len(expected) > 1
    method = Pcgrad(seed=0)
    found = [weights(method, [1.0] * 3, gradients) @ gradients for _ in range(60)]
    nearest = [np.abs(expected - each).max(axis=1) for each in found]
    assert max(distances.min() for distances in nearest) < 1e-3
    assert {int(distances.argmin()) for distances in nearest} == {*range(len(expected))}


def test_mgda_of_two_is_the_closed_form():
    """Of |w g + (1 - w) h|^2 at `w = (h - g) . h / |g - h|^2`, cut off at 0 and 1."""
    for seed in range(5):
        g, h = some_gradients(2, seed)
        best = np.clip((h - g) @ h / ((g - h) @ (g - h)), 0, 1)
        np.testing.assert_allclose(weights(Mgda(), [1.0, 1.0], [g, h]), [best, 1 - best], atol=1e-4)


def on_simplex(objective, tasks):
    """Its minimum, by scipy."""
    sums = {"type": "eq", "fun": lambda w: w.sum() - 1}
    starts = [np.full(tasks, 1 / tasks), *(0.98 * np.eye(tasks) + 0.02 / tasks)]
    found = [minimize(objective, start, bounds=[(0, 1)] * tasks, constraints=sums, tol=1e-10) for start in starts]
    return min(each.fun for each in found)


@pytest.mark.parametrize("lengths", [(1, 1, 1, 1), (1, 10, 100, 1), (100, 1, 1, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_mgda_of_more_is_as_short_as_another_solver_s(seed, lengths):
    gradients = some_gradients(4, seed) * np.array(lengths)[:, None]
    found = weights(Mgda(), [1.0] * 4, gradients)
    assert found.min() >= 0 and found.sum() == pytest.approx(1, abs=1e-5)
    best = on_simplex(lambda w: ((w @ gradients) ** 2).sum(), 4)
    assert ((found @ gradients) ** 2).sum() == pytest.approx(best, rel=1e-3, abs=1e-4)


def test_mgda_of_right_angles_is_the_closed_form():
    """`w_k` proportional to `1 / |g_k|^2`, here of very different lengths."""
    lengths = np.array([1.0, 10.0, 1000.0])
    expected = lengths**-2 / (lengths**-2).sum()
    np.testing.assert_allclose(weights(Mgda(), [1.0] * 3, np.diag(lengths)), expected, rtol=1e-3)


@pytest.mark.parametrize("lengths", [(1, 1, 1), (1, 10, 100), (30, 3, 1)])
@pytest.mark.parametrize("c", [0.2, 0.5, 0.9])
def test_cagrad_lifts_the_least_gain_as_far_as_its_dual_says(c, lengths):
    """The largest least gain `min over k of g_k . d` is the minimum of the dual, `g_w . g_0 + c |g_0| |g_w|`."""
    gradients = some_gradients(3, seed=2) * np.array(lengths)[:, None]
    mean, tasks = gradients.mean(axis=0), 3
    radius = c * np.linalg.norm(mean)
    d = weights(Cagrad(c, scaled=False), [1.0] * tasks, gradients) @ gradients / tasks
    assert np.linalg.norm(d - mean) == pytest.approx(radius, rel=1e-3)
    dual = on_simplex(lambda w: w @ gradients @ mean + radius * np.linalg.norm(w @ gradients), tasks)
    assert (gradients @ d).min() == pytest.approx(dual, rel=1e-2, abs=1e-3 * radius)
    assert (gradients @ d).min() > (gradients @ mean).min()


def test_cagrad_without_a_radius_is_the_sum_and_its_scale_is_the_paper_s():
    gradients = some_gradients(3, seed=2)
    np.testing.assert_allclose(weights(Cagrad(0.0), [1.0] * 3, gradients), [1, 1, 1], rtol=1e-6)
    plain, scaled = (weights(Cagrad(0.5, scaled), [1.0] * 3, gradients) for scaled in (False, True))
    np.testing.assert_allclose(scaled, plain / 1.25, rtol=1e-5)


@pytest.mark.parametrize("method", [Pcgrad, Mgda, Cagrad, Gradnorm])
def test_no_gradients_and_those_that_cancel_give_numbers(method):
    assert np.isfinite(weights(method(), [1.0, 1.0, 1.0], np.zeros((3, 2)))).all()
    for seed in range(20):
        one, other = some_gradients(2, seed).astype(np.float32)
        assert np.isfinite(weights(method(), [1.0, 1.0, 1.0], [one, other, -(one + other)])).all()


def test_losses_that_rise_steeply_give_numbers():
    """Of 0.001 and then 1; and s steps by 1 at most."""
    method = Dwa()
    for losses in ([0.001, 1.0], [1.0, 1.0]):
        weights(method, losses)
        method.consolidate()
    np.testing.assert_allclose(weights(method, [1.0, 1.0]), [2, 0], atol=1e-6)
    method = Uncertainty(start=0.0)
    weights(method, [1e6, 1.0])
    np.testing.assert_allclose(method.variables["s"], [1, 0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sum({"clicks": -1.0}), "balance.weights.clicks is -1.0: choose 0 or more"),
        (
            lambda: Sum({"clicks": 1.0}).build(["sales"]),
            "balance.weights names the task clicks, and the model has sales",
        ),
        (lambda: Pcgrad().build(["sales"]), "balance=pcgrad weighs tasks .* the task sales alone: choose balance=sum"),
        (lambda: Uncertainty(rate=0.0), "balance.rate is 0.0"),
        (lambda: Dwa(temperature=0.0), "balance.temperature is 0.0"),
        (lambda: Gradnorm(least_weight=1.0), "balance.least_weight is 1.0"),
        (lambda: Gradnorm(alpha=-1.0), "balance.alpha is -1.0"),
        (lambda: Gradnorm(rate=0.0), "balance.rate is 0.0"),
        (lambda: Mgda(sweeps=0), "balance.sweeps is 0"),
        (lambda: Cagrad(c=-0.1), "balance.c is -0.1"),
    ],
)
def test_errors_say_what_to_do(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_other_tasks_than_before_are_refused():
    method = Random()
    method.build(["clicks", "sales"])
    with pytest.raises(InputError, match="has weighed clicks, sales, and the model now has clicks, returns"):
        method.build(["clicks", "returns"])
