"""Averages of scorers by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfrec.baselines.blend import Blend
from tfrec.baselines.popularity import Popularity
from tfrec.errors import InputError


class Fixed:
    def __init__(self, *rows):
        self.rows = np.array(rows, np.float32)

    def score(self, history, requests):
        return lambda block: self.rows[block]


def started(blend, **scorers):
    blend.begin(SimpleNamespace(scorer=scorers.pop("model"), baselines=scorers))
    return blend.score(None, None)(slice(None))


def test_scores_are_averaged_on_one_scale():
    """Model: 4, 2, 0 of which the two highest have mean 3 and deviation 1, so 1, -1, -3. Other: 10, 30, 20 with mean
    25 and deviation 5: -3, 1, -1. With weights 1 and 2: 1 - 6, -1 + 2, -3 - 2."""
    blend = Blend(["model", "other"], [1, 2], depth=2)
    scores = started(blend, model=Fixed([4, 2, 0]), other=Fixed([10, 30, 20]))
    np.testing.assert_allclose(scores, [[-5, 1, -5]], rtol=1e-6)


def test_the_scale_of_a_scorer_is_of_no_matter():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 3, 50))
    blend = Blend(["model", "other"], depth=10)
    plain = started(blend, model=Fixed(*one), other=Fixed(*two))
    other_scale = started(blend, model=Fixed(*(100 * one + 7)), other=Fixed(*(0.01 * two - 3)))
    np.testing.assert_allclose(plain, other_scale, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("same", [0.1, 0.3, 1 / 7])
def test_equal_scores_say_nothing_though_their_deviation_is_not_0_in_float32(same):
    """300 scores are equal and 50 lower: the mean of the 300 is rounded, so that they deviate from it."""
    model, other = np.arange(350.0), np.r_[np.full(300, same), np.full(50, same / 2)]
    scores = started(Blend(["model", "other"]), model=Fixed(model), other=Fixed(other))
    np.testing.assert_array_equal(np.argsort(-scores[0]), np.arange(350)[::-1])


def test_a_scorer_that_says_nothing_leaves_the_order_of_the_other():
    scores = started(Blend(["model", "other"]), model=Fixed([1, 3, 2]), other=Fixed([5, 5, 5]))
    np.testing.assert_array_equal(np.argsort(-scores[0]), [1, 2, 0])


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"of": ["model"]}, "baseline.blend.of is .*name two scorers or more"),
        ({"of": ["model", "a"], "weights": [1]}, "baseline.blend.weights has 1 numbers, and baseline.blend.of names 2"),
        ({"of": ["model", "a"], "depth": 1}, "baseline.blend.depth is 1: choose 2 or more"),
    ],
)
def test_what_cannot_be_averaged_is_a_sentence(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        Blend(**arguments)


def test_a_scorer_that_is_not_there_is_a_sentence():
    with pytest.raises(InputError, match="baseline.blend.of names missing, and baseline has popularity"):
        started(Blend(["model", "missing"]), model=Fixed([1]), popularity=Popularity())
    blend = Blend(["model", "other"])
    with pytest.raises(InputError, match="baseline.blend.of names other, which is a blend or has an older catalogue"):
        started(blend, model=Fixed([1]), other=Blend(["model", "x"]))
