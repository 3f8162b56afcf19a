"""Models made of several by networks: what the networks learn from, what new rows do, and going on after a stop."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.loops.test_incremental import run
from tests.strategies.test_contract import make_state
from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.examples import Examples, Update
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.budget import Budget
from tfrec.loops.passes import Passes
from tfrec.loops.state import StreamState
from tfrec.models.stream_model import StreamModel
from tfrec.models.weights import Weights
from tfrec.strategies import row_networks
from tfrec.strategies.asmg import Asmg
from tfrec.strategies.row_networks import RowNetworks
from tfrec.strategies.sml import Sml
from tfrec.strategies.strategy import Strategy

KINDS = [Sml, Asmg]


class Rows(StreamModel, tf.keras.Model):
    """`mean of tanh(table[item] . kernel + bias)^2`: a table of rows, a matrix and a number."""

    def __init__(self):
        super().__init__()
        self.table = self.add_weight("table", (6, 2), initializer=tf.keras.initializers.RandomNormal(seed=1))
        self.kernel = self.add_weight("kernel", (2, 3), initializer=tf.keras.initializers.RandomNormal(seed=2))
        self.bias = self.add_weight("bias", (), initializer="ones")

    def compute_loss(self, features, training=False):
        return loss_of(self.table, self.kernel, self.bias, features["item"])


def loss_of(table, kernel, bias, item):
    return tf.reduce_mean(tf.square(tf.tanh(tf.matmul(tf.gather(table, item), kernel) + bias)))


def update_of(items):
    items = np.array(items)
    return Update(1, Examples({"user": np.zeros(1)}, np.zeros(len(items), int), items), {"item": np.arange(6)})


def started(kind, **options):
    """A strategy after two updates of `Rows`, whose networks were moved off the identity."""
    strategy, rng = kind(**{"steps": 1, "batch": 8} | options), np.random.default_rng(3)
    learner = Learner(Rows(), tf_keras.optimizers.SGD(0.1), [strategy])
    for _ in range(2):
        strategy.prepare(learner, update_of([0, 1]))
        for variable in learner.model.trainable_variables:
            variable.assign_add(rng.normal(0, 0.1, variable.shape))
        strategy.consolidate(learner, None)
    for weights in strategy.networks.weights.values():
        for weight in weights:
            weight.assign(rng.normal(0, 0.5, weight.shape))
    return strategy, learner


@pytest.mark.parametrize("kind", KINDS)
def test_networks_get_the_gradient_of_the_loss_of_what_they_make(kind):
    """Against the loss differentiated as one function of the networks' weights. Row 4 of the table was set since, so it
    is no network's doing; row 5 is in no example."""
    strategy, learner = started(kind)
    learner.model.table.assign(tf.tensor_scatter_nd_update(learner.model.table, [[4]], [[0.7, -0.2]]))
    stacks = [np.stack(weights, axis=2) for weights in zip(*strategy._inputs, strict=True)]
    before = {place: [w.numpy() for w in weights] for place, weights in strategy.networks.weights.items()}
    moves = []
    strategy.networks.move = moves.append
    strategy.prepare(learner, update_of([0, 2, 2, 4, 3, 1]))
    values = [[tf.constant(value) for value in before[place]] for place in range(3)]
    with tf.GradientTape() as tape:
        tape.watch(values)
        table, kernel, bias = (strategy.rows(v, stack) for v, stack in zip(values, stacks, strict=True))
        table = tf.tensor_scatter_nd_update(table, [[4]], [[0.7, -0.2]])
        loss = loss_of(table, kernel, tf.reshape(bias, ()), tf.constant([0, 2, 2, 4, 3, 1]))
    expected = tape.gradient(loss, values)
    (found,) = moves
    for place in range(3):
        for one, other in zip(found[place], expected[place], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
        assert max(np.abs(slope).max() for slope in expected[place]) > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_networks_lower_the_loss_on_the_examples_that_they_learn_on(kind):
    losses = []
    for steps in (1, 40):
        strategy, learner = started(kind, steps=steps, learning_rate=0.01)
        strategy.prepare(learner, update_of([0, 1, 2, 3, 4, 5]))
        made = strategy.made()
        losses.append(float(loss_of(made[0], made[1], made[2].reshape(()), tf.range(6))))
    assert losses[1] < 0.8 * losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_networks_learn_only_on_what_no_update_has_learned(kind):
    strategy, learner = started(kind)
    before = strategy.networks.state()
    strategy.prepare(learner, replace(update_of([0, 1, 2, 3]), fresh=3))  # one example is new: too few to choose from
    for key, value in strategy.networks.state().items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize("kind", KINDS)
def test_networks_that_have_not_learned_leave_plain_learning_as_it_is(kind):
    strategy = kind()
    strategy._train = lambda *_: None
    states = [make_state(s, periods=4) for s in (strategy, Strategy())]
    one, two = (Weights(state.model).values for state in states)
    for with_it, without in zip(one, two, strict=True):
        np.testing.assert_array_equal(with_it, without)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_new_or_were_set_since_are_as_the_model_has_them(kind):
    """The table grows by two rows and row 0 starts anew: all inputs have them as the model has, and so does what the
    update begins with. The other rows are as they were."""
    strategy, learner = started(kind)
    inputs = [weights[0].copy() for weights in strategy._inputs]
    old = learner.model.table
    learner.model.table = tf.Variable(np.concatenate([[[9, 9]], old.numpy()[1:], [[7, 7], [8, 8]]]), dtype=tf.float32)
    learner.model._trainable_weights = [learner.model.table, learner.model.kernel, learner.model.bias]
    strategy._follow(learner.model)
    begun = strategy.begun()[0]
    for weights, before in zip(strategy._inputs, inputs, strict=True):
        np.testing.assert_array_equal(weights[0][[0, 6, 7]], [[9, 9], [7, 7], [8, 8]])
        np.testing.assert_array_equal(weights[0][1:6], before[1:])
    np.testing.assert_array_equal(begun[[0, 6, 7]], [[9, 9], [7, 7], [8, 8]])
    assert np.abs(begun[1:6] - strategy._inputs[-1][0][1:6]).max() > 1e-3 or kind is Asmg


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_no_update_has_moved_are_left_alone(kind):
    strategy, _ = started(kind)
    for weights in strategy._inputs:
        weights[0][[1, 5]] = 0.0
    made = strategy.made()[0]
    np.testing.assert_array_equal(made[[1, 5]], np.zeros((2, 2)))
    assert np.abs(made[[0, 2, 3, 4]] - strategy._inputs[-1][0][[0, 2, 3, 4]]).min() > 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_networks_do_not_learn_from_a_gradient_that_is_not_finite(kind):
    strategy, learner = started(kind)
    before = strategy.networks.state()
    strategy._slopes.slopes = lambda learner, batch: [
        np.full((len(rows), 2 if place == 0 else 3), np.inf) if rows is not None else None
        for place, rows in enumerate(strategy._slopes.rows(learner, batch))
    ]
    strategy.prepare(learner, update_of([0, 1, 2, 3]))
    for key, value in strategy.networks.state().items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_is_made_as_the_whole_is(kind, monkeypatch):
    strategy, _ = started(kind)
    networks, models = strategy.networks, [weights[0] for weights in strategy._inputs]
    results = []
    for block in (2**18, 4):  # all 6 rows of 2 numbers, or 2 rows
        monkeypatch.setattr(row_networks, "BLOCK", block)
        results.append([networks(0, models), *networks.slopes(0, models, np.ones((6, 2), np.float32))])
    for whole, parts in zip(*results, strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-6)
    assert networks(0, [model[:0] for model in models]).shape == (0, 2)  # a batch of new ids alone


def growing_state(kind):
    """30 users, then items up to 1,200: the item table of 1,024 rows doubles in the last of five periods."""
    events = make_interactions(users=30, items=2400, days=36, per_day=40, seed=1).events
    events["item"] = np.arange(len(events)) * 1200 // len(events)
    stream = Stream(type(make_interactions())(events, make_interactions(items=2400).items))
    model = make_model()
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.3), [kind(steps=2, batch=32, learning_rate=0.01)])
    return stream, StreamState(stream, model, learner, {})


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, kind):
    whole, tracker = run(tmp_path / "whole", *growing_state(kind), base=2)
    run(tmp_path / "cut", *growing_state(kind), base=2, last=3)
    resumed, again = run(tmp_path / "cut", *growing_state(kind), base=2)
    assert whole.model.item_table.capacity == 2048
    assert whole.learner.strategies[0].networks._move.experimental_get_tracing_count() == 1
    for one, two in zip(whole.model.variables, resumed.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
    states = [state.learner.strategies[0].state() for state in (whole, resumed)]
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][key], err_msg=key)
    assert tracker.rows[-1]["eval/all/ndcg@5"] == again.rows[-1]["eval/all/ndcg@5"]


def test_networks_differ_by_place_and_seed():
    def made(seed, place):
        networks = RowNetworks(lambda rng, width: [rng.normal(size=width)], lambda v, s: s[..., -1] * v[0], 0.1, seed)
        return networks(place, [np.ones((1, 3), np.float32)])

    np.testing.assert_array_equal(made(0, 0), made(0, 0))
    assert (made(0, 0) != made(0, 1)).all() and (made(0, 0) != made(1, 0)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_steps_of_the_networks_are_costs_of_the_update_and_in_its_budget(kind):
    """From the third update on, 3 steps of 16 rows beside those of the model: 5 steps leave it 2 of 32."""
    learner = Learner(model := make_model(), tf_keras.optimizers.Adagrad(0.1), [kind(steps=3, batch=16)])
    state = StreamState(Stream(make_interactions(days=50, per_day=40)), model, learner, {})
    for t in range(3):
        state.observe(t)
        costs = state.learn(range(t, t + 1), 1, 32)
    passes = -(-state.sizes[2] // 32)
    assert (costs["cost/steps"], costs["cost/examples"]) == (3 + passes, 3 * 16 + passes * 32)
    state.observe(3)
    costs = state.learn(range(3, 4), 1, 32, passes=Passes(budget=Budget(steps=5)))
    assert (costs["cost/steps"], costs["cost/examples"]) == (5, 3 * 16 + 2 * 32)
    state.observe(4)
    with pytest.raises(InputError, match=r"loop\.budget\.steps is 3, which allows no step: the first would make it 4"):
        state.learn(range(4, 5), 1, 32, passes=Passes(budget=Budget(steps=3)))
