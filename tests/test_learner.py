import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.toy import make_interactions
from tfrec.data.features import TowerFeatures
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.encoders.presets import scratch
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.models.two_tower import TwoTower
from tfrec.strategies.strategy import Strategy


def make_model(**options):
    options = {"dim": 4, "new_items": "mean", "features": TowerFeatures(history_length=5)} | options
    return TwoTower(**options)


def grown(model, items=30, users=12):
    """The model after a stream in which all of these users and items occur."""
    history = History()
    stream = Stream(make_interactions(users=users, items=items, per_day=60))
    for t in range(len(stream)):
        history.observe(stream[t])
    model.grow(history, stream.items)
    return history


def make_batch(model, history, rows=16, seed=0):
    rng = np.random.default_rng(seed)
    users = Requests(rng.integers(0, len(history.users), rows))
    features = model.features
    batch = features.users(history, users) | features.past(history, users)
    batch |= features.candidates(history, rng.integers(0, len(history.items), rows))
    return batch | {"log_q": np.zeros(rows, np.float32)}


def values(model):
    return [variable.numpy() for variable in model.variables]


def test_a_step_is_the_gradient_step_written_out():
    """Plain SGD: every variable moves by -rate * gradient of compute_loss."""
    model = make_model()
    batch = make_batch(model, grown(model))
    tensors = {key: tf.constant(value) for key, value in batch.items()}
    with tf.GradientTape() as tape:
        loss = model.compute_loss(tensors, training=True)
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, model.trainable_variables)]
    expected = [v - 0.5 * g for v, g in zip(model.trainable_variables, gradients, strict=True)]
    result = Learner(model, tf_keras.optimizers.SGD(0.5)).step(batch)
    assert float(result["loss"]) == pytest.approx(float(loss), rel=1e-6)
    for variable, value in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value.numpy(), atol=1e-6)


def test_xla_gives_the_same_step():
    results = []
    for jit_compile in (False, True):
        model = make_model(dropout=0.3)
        batch = make_batch(model, grown(model))
        learner = Learner(model, tf_keras.optimizers.Adagrad(0.1), jit_compile=jit_compile)
        losses = [float(learner.step(batch)["loss"]) for _ in range(3)]
        results.append((losses, values(model)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for plain, compiled in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(plain, compiled, atol=1e-5)


def test_mixed_precision_keeps_float32_variables_and_losses():
    losses = []
    for policy in ("float32", "mixed_bfloat16"):
        tf_keras.mixed_precision.set_global_policy(policy)
        try:
            model = make_model()
            batch = make_batch(model, grown(model))
            learner = Learner(model, tf_keras.optimizers.Adagrad(0.1))
            losses.append([float(learner.step(batch)["loss"]) for _ in range(3)])
            outputs = model(batch)
        finally:
            tf_keras.mixed_precision.set_global_policy("float32")
        assert outputs["query"].dtype == ("bfloat16" if policy.startswith("mixed") else "float32")
        assert {v.dtype.name for v in model.trainable_variables} == {"float32"}
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-2)  # bfloat16 keeps 8 bits
    assert losses[1][2] < losses[1][0]


def test_one_trace_serves_all_batches_of_a_capacity():
    model = make_model()
    history = grown(model)
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1))
    for seed in range(5):
        learner.step(make_batch(model, history, seed=seed))
    assert learner.traces == 1
    assert (learner.steps, learner.examples) == (5, 80)


def test_growth_keeps_rows_slots_and_step_count_and_costs_one_trace():
    model = make_model()
    history = grown(model)
    learner = Learner(model, tf_keras.optimizers.Adam(0.1))
    for _ in range(3):
        learner.step(make_batch(model, history))
    before = {v.name: v.numpy() for v in learner.optimizer.variables}
    rows = model.item_table.table.numpy()
    assert model.item_table.grow(3 * model.item_table.capacity)
    learner.rebuild()
    after = [v.numpy() for v in learner.optimizer.variables]
    for old, new in zip(before.values(), after, strict=True):
        if old.ndim:
            np.testing.assert_array_equal(new[: len(old)], old)
            assert not new[len(old) :].any()  # Adam's moments start at zero
        else:
            assert new == old
    assert learner.optimizer.iterations.numpy() == 3
    np.testing.assert_array_equal(model.item_table.table.numpy()[: len(rows)], rows)
    learner.step(make_batch(model, history))
    learner.step(make_batch(model, history))
    assert learner.traces == 2


def test_growth_does_not_change_what_is_learned():
    """The same batches with and without a doubling in between give the same rows."""
    results = []
    for grow in (False, True):
        model = make_model()
        history = grown(model)
        learner = Learner(model, tf_keras.optimizers.Adagrad(0.1))
        learner.step(make_batch(model, history, seed=1))
        if grow:
            model.item_table.grow(2 * model.item_table.capacity)
            learner.rebuild()
        learner.step(make_batch(model, history, seed=2))
        results.append(model.item_table.table.numpy()[: len(history.items)])
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("optimizer, moves", [("Adagrad", False), ("Adam", True)])
def test_who_moves_rows_that_are_not_in_the_batch(optimizer, moves):
    """Adam's momentum moves a row after it has left the batch; Adagrad does not."""
    model = make_model()
    history = grown(model)
    learner = Learner(model, getattr(tf_keras.optimizers, optimizer)(0.1))
    batch = make_batch(model, history)
    learner.step(batch)
    before = model.user_table.table.numpy()
    other = {**batch, "user": np.full_like(batch["user"], batch["user"][0])}
    learner.step(other)
    moved = np.abs(model.user_table.table.numpy() - before).max(axis=1) > 0
    left = [row for row in np.unique(batch["user"]) if row != batch["user"][0]]
    assert moved[left].all() if moves else not moved[left].any()


@pytest.mark.parametrize("name", ["user", "item", "history", "category/kind"])
def test_a_row_outside_of_its_table_is_refused(name):
    model = make_model()
    history = grown(model)
    learner = Learner(model, tf_keras.optimizers.SGD(0.1))
    batch = make_batch(model, history)
    table = ({"user": model.user_table} | model.categories.tables).get(name, model.item_table)
    batch[name] = np.full_like(batch[name], table.rows)
    with pytest.raises(IndexError, match=f"'{name}' has rows"):
        learner.step(batch)


def test_a_text_row_outside_of_its_table_is_refused():
    model = make_model(encoder=scratch(max_length=8), new_items="text")
    history = grown(model)
    batch = make_batch(model, history)
    batch["text"] = np.full_like(batch["text"], model.text.table.rows)
    with pytest.raises(IndexError, match="'text' has rows"):
        Learner(model, tf_keras.optimizers.SGD(0.1)).step(batch)


class Recorder(Strategy):
    """Acts in each of the five places, in a way that can be checked."""

    def __init__(self):
        self.calls = []

    def augment(self, batch):
        self.calls.append("augment")
        return {**batch, "log_q": batch["log_q"] + 1}  # a constant: leaves the softmax as it is

    def penalty(self, model, batch, outputs):
        return 7.0 + 0.0 * tf.reduce_sum(outputs["query"])

    def gradients(self, tape_fn, batch):
        losses, gradients = tape_fn(batch)
        return losses, [tf.convert_to_tensor(g) * 0.0 for g in gradients]

    def after_step(self, model, before, slopes):
        model.history_map.map.bias.assign(before[-1] * 0 + 3.0)


def test_a_strategy_acts_in_its_places():
    model = make_model()
    history = grown(model)
    batch = make_batch(model, history)
    plain = float(Learner(model, tf_keras.optimizers.SGD(0.0)).step(batch)["loss"])
    assert model.trainable_variables[-1] is model.history_map.map.bias
    before, strategy = values(model.item_table), Recorder()
    losses = Learner(model, tf_keras.optimizers.SGD(1.0), [strategy]).step(batch)
    assert float(losses["loss"]) == pytest.approx(plain + 7.0, rel=1e-5)  # penalty
    np.testing.assert_array_equal(values(model.item_table), before)  # gradients were set to zero
    assert (model.history_map.map.bias.numpy() == 3.0).all()  # after_step
    assert strategy.calls == ["augment"]


def test_gradients_wrap_in_the_order_of_the_list():
    class Times(Strategy):
        def __init__(self, factor, plus):
            self.factor, self.plus = factor, plus

        def gradients(self, tape_fn, batch):
            losses, gradients = tape_fn(batch)
            return losses, [tf.ones_like(g) * self.plus + g * self.factor for g in map(tf.convert_to_tensor, gradients)]

    model = make_model()
    history = grown(model)
    before = model.history_map.map.bias.numpy()
    # first: 0 g + 1 = 1, then 5 * 1 + 2 = 7; the other order would give 0 * (...) + 1 = 1
    Learner(model, tf_keras.optimizers.SGD(1.0), [Times(0, 1), Times(5, 2)]).step(make_batch(model, history))
    np.testing.assert_allclose(before - model.history_map.map.bias.numpy(), 7, rtol=1e-6)


def test_regularisation_losses_are_part_of_the_loss():
    model = make_model()
    history = grown(model)
    batch = make_batch(model, history)
    plain = float(Learner(model, tf_keras.optimizers.SGD(0.0)).step(batch)["loss"])
    model.add_loss(lambda: 2.5)
    assert float(Learner(model, tf_keras.optimizers.SGD(0.0)).step(batch)["loss"]) == pytest.approx(plain + 2.5)


def test_a_strategy_that_needs_outputs_refuses_a_plain_model():
    class Greedy(Strategy):
        needs = ("task_losses",)

    plain = tf_keras.Sequential([])
    plain.tfrs_model = plain
    with pytest.raises(InputError, match="Greedy needs the model's outputs"):
        Learner(plain, tf_keras.optimizers.SGD(0.1), [Greedy()])
