"""Strategies with a model that ranks lists."""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.test_two_stage import go_on, make_model, make_state
from tfrec.errors import InputError
from tfrec.memories.herding import Herding
from tfrec.memories.reservoir import Reservoir
from tfrec.strategies.ader import Ader
from tfrec.strategies.agem import Agem
from tfrec.strategies.der import Der
from tfrec.strategies.lwf import Lwf


@pytest.mark.parametrize("make", [Lwf, lambda: Der(Reservoir(20), ratio=0.5), lambda: Agem(Reservoir(20), ratio=0.5)])
def test_two_updates_are_finite_and_learn(make):
    state, _ = go_on(make_state(strategies=[make()]), range(2))
    before = [variable.numpy() for variable in state.model.trainable_variables]
    state, costs = go_on(state, range(2, 3))
    assert state.learner.updates == 2  # the first period has no candidates yet
    assert np.isfinite(costs["train/loss"]) and np.isfinite(costs["train/ranking"])
    after = [variable.numpy() for variable in state.model.trainable_variables]
    assert all(np.isfinite(value).all() for value in after)
    assert any((one != two).any() for one, two in zip(before, after, strict=True))


def test_what_was_said_are_the_scores_of_before_of_lists():
    state, _ = go_on(make_state(), range(2))
    queries = state.examples(1).queries
    asked, of_items = state.model.before(queries, {"item": np.arange(3)})
    batch = {key: tf.constant(values) for key, values in state.model.batch(dict(queries)).items()}
    assert of_items == {}
    np.testing.assert_allclose(asked["logits/ranking"], state.model(batch)["logits/ranking"], atol=1e-5)


def test_the_choices_of_a_list_and_how_far_its_logits_moved():
    """Two lists of which the second is marked: of its candidates two are real, which moved by 2 and -1: (4 + 1) / 2."""
    model = make_model()
    now, then = tf.constant([[5.0, 5, 5], [2, 0, 9]]), tf.constant([[0.0, 0, 0], [0, 1, 0]])
    features = {"list_mask": tf.constant([[1.0, 1, 1], [1, 1, 0]]), "list_label": tf.constant([[1.0, 0, 0], [0, 1, 0]])}
    logits = [{"logits/ranking": values} for values in (now, then)]
    assert float(model.squared_change(*logits, features, tf.constant([0, 3]))) == 2.5
    assert float(model.squared_change(*logits, features, tf.zeros(2, tf.int32))) == 0
    assert float(model.squared_change(logits[0], logits[0], features, tf.ones(2, tf.int32))) == 0
    found = model.choices(logits[0], features)
    p = np.exp(2) / (np.exp(2) + 1)
    np.testing.assert_allclose(tf.exp(found.log_p())[1], [p, 1 - p, 0], rtol=1e-5)
    np.testing.assert_array_equal(found.chosen, features["list_label"])


def test_herding_needs_vectors_which_lists_do_not_have():
    with pytest.raises(InputError, match="memory=herding needs query_embeddings of a model, which TwoStage does not"):
        make_state(strategies=[Ader(Herding(20))])
