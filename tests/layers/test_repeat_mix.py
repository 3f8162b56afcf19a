"""The mix of buying again and exploring, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tests.baselines.histories import history_of
from tfrec.data.requests import Requests
from tfrec.errors import InputError
from tfrec.layers.repeat.mix import Mix

# User 0 bought rows 0 and 1, user 1 row 2, user 2 all of them. Purchases of rows 0..3: 2, 2, 2, 1.
HISTORY = history_of([(0, 0), (0, 1), (1, 2), (2, 0)], [(2, 1), (2, 2), (2, 3)])


def made(**options):
    mix = Mix(**{"own": 4, "hidden": (), "smoothing": 1.0, "fade": 1.0} | options)
    mix.lists.observe(HISTORY, None)
    assert mix.start() and not mix.start()
    mix.gate.set_weights([np.zeros((5, 1)), np.array([0.4])])
    return mix


def scored(mix, explore, users=(0, 1, -1, 2)):
    requests = Requests(np.array(users))
    asked, candidates = mix.lists.past(HISTORY, requests), {"repeat/popularity": mix.lists.popularity}
    block = mix.scores(lambda rows: tf.constant(explore, tf.float32)[rows], asked, candidates)
    return np.concatenate([block(slice(0, 1)), block(slice(1, len(users)))])


def test_scores_by_hand():
    explore = np.log([[1, 1, 4, 1], [1, 2, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]])
    scores = scored(made(), explore)
    g = 1 / (1 + np.exp(-0.4))
    # r is the same for all pairs before moments are known, so each of k own items has g / k.
    # Others: exp(e) = lift * (popularity + 1); user 0 has rows 2 and 3: 4 * 3 = 12 and 1 * 2 = 2, of 14.
    np.testing.assert_allclose(np.exp(scores[0]), [g / 2, g / 2, (1 - g) * 12 / 14, (1 - g) * 2 / 14], rtol=1e-5)
    # user 1 has rows 0, 1 and 3: 3, 2 * 3 = 6 and 2, of 11
    others = (1 - g) * np.array([3, 6, 2]) / 11
    np.testing.assert_allclose(np.exp(scores[1]), [others[0], others[1], g, others[2]], rtol=1e-5)
    # nothing is known of the third: popularity alone, 3, 3, 3, 2 of 11
    np.testing.assert_allclose(np.exp(scores[2]), np.array([3, 3, 3, 2]) / 11, rtol=1e-5)
    # the last has bought everything: there is nothing to explore
    np.testing.assert_allclose(np.exp(scores[3]), [1 / 4] * 4, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"popularity": 0.0}, {"own": 1}, {"hidden": (8, 4)}])
def test_probabilities_of_the_catalogue_add_up_to_one(options):
    mix = made(**options)
    mix.lists.examples(
        {"query": np.array([0, 1]), "item": np.array([0, 2], np.int32)},
        mix.lists.past(HISTORY, Requests(np.array([0, 1]))),
    )
    scores = scored(mix, np.random.default_rng(0).normal(0, 5, (4, 4)))
    assert scores.dtype == np.float32 and np.isfinite(scores).all()
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1, rtol=1e-5)


def test_powers_of_lift_and_popularity():
    # user 1, rows 0, 1, 3: sqrt(lift) * (popularity + 1) ** 2 = 9, 2 * 9 and 4, of 31
    mix = made(lift=0.5, popularity=2.0)
    scores = scored(mix, np.log([[1, 1, 1, 1], [1, 4, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]))
    g = 1 / (1 + np.exp(-0.4))
    np.testing.assert_allclose(np.exp(scores[1, [0, 1, 3]]), (1 - g) * np.array([9, 18, 4]) / 31, rtol=1e-5)


def test_items_beyond_the_list_are_explored():
    # With one place, user 0's list is row 0 (as often as row 1, which stands further right), so row 1 is explored.
    scores = scored(made(own=1), np.zeros((4, 4)))
    g = 1 / (1 + np.exp(-0.4))
    np.testing.assert_allclose(np.exp(scores[0]), [g, *(1 - g) * np.array([3, 3, 2]) / 8], rtol=1e-5)


def test_losses_by_hand():
    mix = made()
    outputs = {"gate": tf.constant([0.4, 0.4, 0.4]), "own": tf.constant([[0.0, np.log(3), 5.0], [1.0, 2.0, 3.0]])}
    features = {
        "repeat/novel": tf.constant([0.0, 1.0, 1.0]),
        "repeat/known": tf.constant([1.0, 1.0, 0.0]),
        "repeat/label": tf.constant([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),
        "repeat/mask": tf.constant([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),
    }
    losses = mix.row_losses(outputs, features)
    g = 1 / (1 + np.exp(-0.4))
    # a repeat, no repeat, and who never bought and so had no choice
    np.testing.assert_allclose(losses["gate"], [-np.log(g), -np.log(1 - g), 0], rtol=1e-5)
    # softmax of (0, log 3): 1/4 and 3/4; both were bought; the second list is padding
    np.testing.assert_allclose(losses["own"], [-(np.log(1 / 4) + np.log(3 / 4)) / 2, 0], rtol=1e-5)


def test_the_gate_reads_the_users_numbers():
    mix = made()
    mix.gate.set_weights([np.array([[1.0], [0], [0], [0], [0]]), np.zeros(1)])
    mix.lists.user_moments.observe(np.array([[0.0] * 5, [np.log1p(2) * 2] * 5]))  # mean and deviation log 3
    scores = scored(mix, np.zeros((4, 4)))
    # user 0 was active in one period: (log 2 - log 3) / log 3
    g = 1 / (1 + np.exp(-(np.log(2) - np.log(3)) / np.log(3)))
    np.testing.assert_allclose(np.exp(scores[0, :2]).sum(), g, rtol=1e-5)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"own": 0}, "model.repeat.own is 0: choose 1 or more"),
        ({"window": 0}, "model.repeat.window is 0"),
        ({"every": 0}, "model.repeat.every is 0"),
        ({"popularity": -1.0}, "model.repeat.popularity is -1.0: choose 0 or more"),
        ({"lift": -1.0}, "model.repeat.lift is -1.0: choose 0 or more"),
        ({"fade": 0.0}, "model.repeat.fade is 0.0: choose above 0, up to 1"),
        ({"smoothing": 0.0}, "model.repeat.smoothing is 0.0: choose above 0"),
    ],
)
def test_errors_name_the_key(options, words):
    with pytest.raises(InputError, match=words):
        Mix(**options)
