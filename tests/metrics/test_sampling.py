"""Metrics among drawn candidates are what their names say."""

from dataclasses import replace

import numpy as np
import pytest

from tfrec.data.history import History
from tfrec.data.truth import Truth
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.metrics.sampling import drawn


@pytest.fixture
def truth(stream):
    history = History()
    for t in range(4):
        history.observe(stream[t])
    return Truth.of(stream[4], history)


def test_drawing_all_others_is_the_whole_catalogue(truth):
    scores = np.random.default_rng(0).random((len(truth.users), truth.catalogue))
    whole = Evaluator(["ndcg@5"])(lambda block: scores[block], truth)
    some = Evaluator(["ndcg@5"], candidates=1000)(lambda block: scores[block], truth)
    assert list(some) == ["all/ndcg@5~sampled1000"]
    np.testing.assert_array_equal(some["all/ndcg@5~sampled1000"], whole["all/ndcg@5"])


def test_who_is_drawn_depends_on_seed_and_period_alone(truth):
    """Not on the block, nor on a scorer that knows less of the catalogue; another seed or period draws others."""
    scores = np.random.default_rng(0).random((len(truth.users), truth.catalogue))
    value = lambda truth, **options: Evaluator(["ndcg@5"], candidates=4, **options)(  # noqa: E731
        lambda block: scores[block], truth
    )["all/ndcg@5~sampled4"]
    np.testing.assert_array_equal(value(truth), value(truth, block=5))
    assert (value(truth) != value(truth, seed=1)).any()
    assert (value(truth) != value(replace(truth, period=9))).any()
    wanted = drawn(truth.targets, truth.catalogue, 4, [0, truth.period, 0])
    for row, targets in enumerate(truth.targets):
        known = targets[targets >= 0]
        assert wanted[row, known].all() and wanted[row].sum() == min(truth.catalogue, len(known) + 4)


def test_a_constant_model_hits_by_chance_among_the_drawn(truth):
    """m targets in the catalogue and 3 drawn items at one score: each target is in the first 2 with 2 / (m + 3)."""
    constant = np.zeros((len(truth.users), truth.catalogue))
    evaluator = Evaluator(["recall@2"], ties="expected", candidates=3)
    values = evaluator(lambda block: constant[block], truth)["all/recall@2~sampled3"]
    for user, targets in enumerate(truth.targets):
        known = (targets >= 0).sum()
        assert values[user] == pytest.approx(known / len(targets) * min(1, 2 / (known + 3)))


def test_the_drawn_make_a_task_easier(truth):
    """One target each, below all else: never in the first 5 of the catalogue, always of itself and 3 others."""
    truth = replace(truth, targets=[targets[targets >= 0][:1] for targets in truth.targets])
    scores = np.ones((len(truth.users), truth.catalogue))
    scores[np.arange(len(truth.users)), np.concatenate(truth.targets)] = 0
    values = [
        Evaluator(["hit_rate@5"], candidates=candidates)(lambda block: scores[block], truth)
        for candidates in ("all", 3)
    ]
    assert (values[0]["all/hit_rate@5"] == 0).all() and (values[1]["all/hit_rate@5~sampled3"] == 1).all()


@pytest.mark.parametrize("candidates", [0, -1, "some", 1.5])
def test_what_makes_no_sense_is_refused(candidates):
    with pytest.raises(InputError, match="evaluate.candidates is"):
        Evaluator(candidates=candidates)


def test_lists_are_of_the_whole_catalogue():
    with pytest.raises(InputError, match="coverage@5, of whole lists: choose evaluate.candidates=all"):
        Evaluator(["ndcg@5", "coverage@5"], candidates=99)
