"""Past requests keep their inputs, their catalogue and their truth, whatever is learned and seen later."""

import numpy as np
import pytest

from tests.loops.test_incremental import make_state
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.loops.exams import Exams
from tfrec.models.untrained import Untrained
from tfrec.models.weights import Weights

METRICS = ["ndcg@5", "recall@20"]


@pytest.fixture
def learned():
    """A state that has learned three periods."""
    state = make_state(Stream(make_interactions(days=50, per_day=40)))
    for t in range(3):
        state.observe(t)
    state.learn(range(3), 2, 64)
    return state


def same(values, others):
    assert values.keys() == others.keys()
    for name in values:
        np.testing.assert_array_equal(values[name], others[name])


def test_an_exam_has_the_values_of_scoring_the_period(learned):
    evaluator, truth = Evaluator(METRICS), learned.truth(3)
    exams = Exams(learned, evaluator)
    exams.set(3, truth, learned.history)
    same(exams.values(3), evaluator(learned.scorer.score(learned.history, truth.requests), truth))


def test_the_same_weights_have_the_same_values_after_the_stream_went_on(learned):
    """Items that came later are no candidates, and what users bought later is not in their histories."""
    exams = Exams(learned, Evaluator(METRICS))
    exams.set(3, learned.truth(3), learned.history)
    before, weights, catalogue = exams.values(3), Weights(learned.model), len(learned.history.items)
    for t in (3, 4, 5):
        learned.observe(t)
        learned.learn(range(t, t + 1), 1, 64)
    assert len(learned.history.items) > catalogue
    exams.index.forget()
    assert any((before[name] != values).any() for name, values in exams.values(3).items())
    with weights.applied():
        exams.index.forget()
        same(exams.values(3), before)


def test_weights_are_given_back(learned):
    now = Weights(learned.model)
    learned.observe(3)
    learned.learn(range(3, 4), 1, 64)
    later = Weights(learned.model)
    with now.applied():
        np.testing.assert_array_equal(Weights(learned.model).values[-1], now.values[-1])
    for value, kept in zip(Weights(learned.model).values, later.values, strict=True):
        np.testing.assert_array_equal(value, kept)


def test_a_model_without_towers_is_refused(learned):
    learned.model = learned.scorer = Untrained({"nothing": object()})
    with pytest.raises(InputError, match="Untrained has no two towers"):
        Exams(learned, Evaluator(METRICS))
