import numpy as np
import pytest
import tensorflow as tf

from tests.test_learner import grown, make_batch, make_model, values
from tfrec.learner import Learner
from tfrec.optimizers.lazy_adam import LazyAdam

ROWS, DIM = 6, 3


def sparse(rows, seed=0):
    """A gradient of these rows, which may occur several times."""
    gradient = np.random.default_rng([seed, *rows]).normal(size=(len(rows), DIM)).astype(np.float32)
    return tf.IndexedSlices(tf.constant(gradient), tf.constant(rows), tf.constant([ROWS, DIM]))


def table(seed=1):
    return tf.Variable(np.random.default_rng(seed).normal(size=(ROWS, DIM)).astype(np.float32), name="rows/table")


def learned(optimizer, gradients, jit_compile=False):
    """The table after a step with each gradient, and the optimizer's variables by name."""
    variable = table()
    optimizer.build([variable])

    @tf.function(jit_compile=jit_compile, reduce_retracing=True)
    def step(rows, gradient):
        shape = tf.constant([ROWS, DIM])
        optimizer.apply_gradients([(tf.IndexedSlices(gradient, rows, shape), variable)])

    for gradient in gradients:
        step(gradient.indices, gradient.values)
    return variable.numpy(), {slot.name: slot.numpy() for slot in optimizer.variables}


def by_hand(gradients, rate=0.01, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """The formula, row by row, in float64."""
    w, m, v = table().numpy().astype(float), np.zeros((ROWS, DIM)), np.zeros((ROWS, DIM))
    for t, gradient in enumerate(gradients, start=1):
        for i in np.unique(gradient.indices):
            g = gradient.values.numpy()[gradient.indices.numpy() == i].astype(float).sum(axis=0)
            m[i] = beta_1 * m[i] + (1 - beta_1) * g
            v[i] = beta_2 * v[i] + (1 - beta_2) * g**2
            w[i] -= rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m[i] / (np.sqrt(v[i]) + epsilon)
    return w, m, v


ALL = [sparse([0, 1, 2, 3, 4, 5, 5, 2], seed) for seed in range(5)]
SOME = [sparse(rows) for rows in ([0, 3], [3, 3, 1], [5], [0, 1, 5, 1])]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"amsgrad": True},
        {"adaptive_epsilon": True, "epsilon": 0.1},
        {"weight_decay": 0.1},
        {"clipnorm": 0.5},
        {"global_clipnorm": 0.5},
        {"clipvalue": 0.3},
        {"use_ema": True, "ema_overwrite_frequency": 2},
        {"learning_rate": tf.keras.optimizers.schedules.InverseTimeDecay(0.05, 1, 0.5)},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_equals_adam_where_every_row_is_in_the_batch(options):
    options = {"learning_rate": 0.05} | options
    expected, slots = learned(tf.keras.optimizers.Adam(**options), ALL)
    result, lazy = learned(LazyAdam(**options), ALL)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    assert slots.keys() == lazy.keys()
    for name, slot in slots.items():
        np.testing.assert_allclose(lazy[name], slot, rtol=1e-5, atol=1e-6)


def test_dense_gradients_are_adams():
    results = []
    for kind in (tf.keras.optimizers.Adam, LazyAdam):
        variable, optimizer = table(), kind(0.05, weight_decay=0.1)
        for gradient in ALL:
            optimizer.apply_gradients([(tf.convert_to_tensor(gradient), variable)])
        results.append(variable.numpy())
    np.testing.assert_array_equal(*results)


def test_the_first_step_by_hand():
    """Rate 0.5, gradients 3 and 1 of row 0 (4 together), -2 of row 2; epsilon 0.

    m = 0.1 g, v = 0.001 g^2, corrected by sqrt(1 - 0.999) / (1 - 0.9): 0.5 * 0.1 g / (0.1 |g|) = 0.5 sign(g).
    """
    variable = tf.Variable([[1.0], [1.0], [1.0]])
    gradient = tf.IndexedSlices(tf.constant([[3.0], [-2.0], [1.0]]), tf.constant([0, 2, 0]), tf.constant([3, 1]))
    optimizer = LazyAdam(0.5, epsilon=0.0)
    optimizer.apply_gradients([(gradient, variable)])
    np.testing.assert_allclose(variable, [[0.5], [1.0], [1.5]], rtol=1e-5)
    _, m, v = optimizer.variables
    np.testing.assert_allclose(m, [[0.4], [0.0], [-0.2]], rtol=1e-5)
    np.testing.assert_allclose(v, [[0.016], [0.0], [0.004]], rtol=1e-4)


def test_a_row_that_comes_late_moves_by_more_than_the_rate():
    """After 10,000 steps of row 0 nothing is corrected: 0.1 g / sqrt(0.001 g^2) = 3.162 rates."""
    variable, optimizer = tf.Variable([[0.0], [0.0]]), LazyAdam(0.5, epsilon=0.0)
    optimizer.build([variable])
    optimizer.iterations.assign(10_000)
    gradient = tf.IndexedSlices(tf.constant([[7.0]]), tf.constant([1]), tf.constant([2, 1]))
    optimizer.apply_gradients([(gradient, variable)])
    np.testing.assert_allclose(variable, [[0.0], [-0.5 * 3.1623]], rtol=1e-4)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_equals_the_formula_row_by_row(jit_compile):
    w, m, v = by_hand(SOME)
    result, slots = learned(LazyAdam(0.01), SOME, jit_compile)
    np.testing.assert_allclose(result, w, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slots["m/rows/table:0"], m, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(slots["v/rows/table:0"], v, rtol=1e-4, atol=1e-9)


def test_xla_gives_the_same_steps():
    (plain, slots), (compiled, others) = (learned(LazyAdam(0.01, amsgrad=True), SOME, xla) for xla in (False, True))
    np.testing.assert_allclose(plain, compiled, atol=1e-6)
    for name, slot in slots.items():
        np.testing.assert_allclose(slot, others[name], atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_other_rows_and_their_moments_stay_bit_for_bit(jit_compile):
    optimizer = LazyAdam(0.01, weight_decay=0.1, amsgrad=True)
    first, slots = learned(optimizer, SOME[:2], jit_compile)
    again = LazyAdam(0.01, weight_decay=0.1, amsgrad=True)
    second, later = learned(again, SOME[:3], jit_compile)  # the third batch has row 5 alone
    np.testing.assert_array_equal(first[:5], second[:5])
    for name, slot in slots.items():
        if slot.ndim:
            np.testing.assert_array_equal(slot[:5], later[name][:5])
            assert (slot[5] != later[name][5]).all()
    assert (first[5] != second[5]).all()


def test_the_config_makes_the_same_optimizer_again():
    options = {"adaptive_epsilon": True, "amsgrad": True, "weight_decay": 0.1, "beta_1": 0.8, "clipnorm": 2.0}
    schedule = tf.keras.optimizers.schedules.InverseTimeDecay(0.05, 1, 0.5)
    optimizer = LazyAdam(schedule, **options)
    again = LazyAdam.from_config(optimizer.get_config())
    assert {name: getattr(again, name) for name in options} == options
    np.testing.assert_array_equal(learned(optimizer, SOME)[0], learned(again, SOME)[0])
    saved = tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(optimizer))
    assert isinstance(saved, LazyAdam) and saved.adaptive_epsilon


def test_growth_keeps_slots_and_what_is_learned():
    results = []
    for grow in (False, True):
        model = make_model()
        history = grown(model)
        learner = Learner(model, LazyAdam(0.1))
        learner.step(make_batch(model, history, seed=1))
        before = [slot.numpy() for slot in learner.optimizer.variables]
        if grow:
            model.item_table.grow(2 * model.item_table.capacity)
            learner.rebuild()
            for old, new in zip(before, learner.optimizer.variables, strict=True):
                np.testing.assert_array_equal(new.numpy()[: len(old)] if old.ndim else new.numpy(), old)
        learner.step(make_batch(model, history, seed=2))
        results.append(model.item_table.table.numpy()[: len(history.items)])
    np.testing.assert_array_equal(*results)


def test_a_row_of_another_id_starts_anew():
    model = make_model()
    history = grown(model)
    learner = Learner(model, LazyAdam(0.1))
    batch = make_batch(model, history)
    learner.step(batch)
    rows = np.unique(batch["item"])
    learner.restart(model.item_table.table, rows[:1])
    slots = [slot.numpy() for slot in learner.optimizer.variables if slot.name[1:].startswith("/item/table")]
    assert len(slots) == 2
    for slot in slots:
        assert not slot[rows[0]].any() and slot[rows[1]].any()


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path):
    def start():
        model = make_model()
        history = grown(model)
        return Learner(model, LazyAdam(0.1)), [make_batch(model, history, seed=seed) for seed in range(4)]

    learner, batches = start()
    for batch in batches[:2]:
        learner.step(batch)
    written = tf.train.Checkpoint(model=learner.model, optimizer=learner.optimizer).write(str(tmp_path / "variables"))
    resumed, _ = start()
    resumed.build(batches[0])
    reader = tf.train.Checkpoint(model=resumed.model, optimizer=resumed.optimizer)
    reader.read(written).assert_consumed()
    for going_on in (learner, resumed):
        for batch in batches[2:]:
            going_on.step(batch)
    for one, other in zip(values(learner.model), values(resumed.model), strict=True):
        np.testing.assert_array_equal(one, other)
