"""One event after the other inside one graph."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.loops.test_prequential import make_state, run, variables
from tests.toy import make_ratings
from tfrec.data.stream import Stream
from tfrec.loops.events import EventSteps
from tfrec.strategies.strategy import Strategy


@pytest.mark.parametrize("optimizer", [tf_keras.optimizers.SGD(0.05), tf_keras.optimizers.Adagrad(0.05)])
def test_the_graph_does_what_a_loop_over_events_does(optimizer):
    """One model in the graph, its like in a Python loop that predicts and updates eagerly."""
    stream = Stream(make_ratings(), 150)
    results = []
    for eager in (False, True):
        state = make_state(stream)
        state.learner.optimizer = type(optimizer).from_config(optimizer.get_config())
        state.observe(0)
        model, learner = state.model, state.learner
        examples = state.examples(0).rows(np.arange(150), model.features.candidates(state.history, np.arange(60)))
        if eager:
            learner.build(examples)
            predicted = []
            for i in range(150):
                event = {key: tf.constant(values[i : i + 1]) for key, values in examples.items()}
                predicted.append(model.predictions(event)["rating"][0])
                learner.update((event,))
        else:
            predicted, _ = EventSteps(learner, "rating", size=64)(examples)
            assert (learner.steps, learner.examples, learner.traces) == (150, 150, 1)
        results.append((np.array(predicted), variables(state)))
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-6)
    for graph, loop in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(graph, loop, rtol=1e-5, atol=1e-6)


class Halved(Strategy):
    """Acts in the three places that a single event has."""

    def penalty(self, model, batch, outputs):
        return 7.0 + 0.0 * tf.reduce_sum(outputs["rating"])

    def gradients(self, tape_fn, batch):
        losses, gradients = tape_fn(batch)
        return losses, [tf.convert_to_tensor(gradient) / 2 for gradient in gradients]

    def after_step(self, model, before, slopes):
        model.user_bias.table.assign(before[0])


def test_a_strategy_acts_on_every_event(tmp_path):
    """Half of each gradient is half the learning rate; the penalty adds its 7; the user biases are put back."""
    stream = Stream(make_ratings(), 200)
    halved, tracker, _ = run(tmp_path / "one", state=make_state(stream, [Halved()]), last=0)
    assert halved.learner.model.trainable_variables[0] is halved.model.user_bias.table
    assert not halved.model.user_bias.table.numpy().any()
    slow = make_state(stream, rate=0.025)
    slow.model.user_bias.trainable = False
    plain, alone, _ = run(tmp_path / "two", state=slow, last=0)
    for table in ("user_factors", "item_factors", "item_bias"):
        one, two = (getattr(state.model, table).table.numpy() for state in (halved, plain))
        np.testing.assert_allclose(one, two, atol=1e-6)
    assert tracker.rows[0]["train/loss"] == pytest.approx(alone.rows[0]["train/loss"] + 7, rel=1e-5)
