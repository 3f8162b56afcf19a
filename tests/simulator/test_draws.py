"""What is drawn depends on seed, purpose and period, and on nothing else."""

import numpy as np

from tests.simulator.test_effects import CALM
from tests.simulator.worlds import make_world
from tfrec.simulator.draws import generator
from tfrec.simulator.log import load
from tfrec.simulator.world import SLATES


def test_each_of_seed_purpose_and_period_matters_and_nothing_else():
    keys = [(seed, purpose, t) for seed in (0, 1) for purpose in ("visits", "words") for t in (0, 1, 2)]
    drawn = {key: generator(*key).random(3).tobytes() for key in keys}
    assert len(set(drawn.values())) == len(keys)
    assert all(generator(*key).random(3).tobytes() == numbers for key, numbers in reversed(drawn.items()))


def test_the_noise_of_clicks_is_new_in_each_period_and_seed(folder):
    """With pCTR 0.5 everywhere and every position examined, two periods' clicks agree by chance: in half of them."""
    knobs = {**CALM, "feedback.click.bias": 0.0, "feedback.eta": 0.0, "visits.activity": 4.0}
    clicks = {}
    for seed in (0, 1):
        events = load(make_world(folder, seed=seed, **knobs), periods=2).events
        for t in (0, 1):
            clicks[seed, t] = events["click"].to_numpy()[events["slate"] // SLATES == t]
    for a, b in (((0, 0), (0, 1)), ((0, 0), (1, 0))):
        n = min(len(clicks[a]), len(clicks[b]))
        assert n > 4000 and abs((clicks[a][:n] == clicks[b][:n]).mean() - 0.5) < 5 * np.sqrt(0.25 / n)
