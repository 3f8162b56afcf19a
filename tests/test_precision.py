"""Number formats: what each is refused on, and what a scaled loss does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.test_learner import grown, make_batch, make_model
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.precision import POLICIES, Precision
from tfrec.slots import inner


@pytest.fixture(params=POLICIES)
def precision(request):
    """A policy, in force while the test runs."""
    chosen = Precision(request.param)
    chosen.start("cpu")
    yield chosen
    Precision().start("cpu")


def learned(precision, jit_compile=False, steps=3, rate=0.1):
    model = make_model()
    batch = make_batch(model, grown(model))
    learner = Learner(model, precision.optimizer(tf_keras.optimizers.Adagrad(rate)), jit_compile=jit_compile)
    return learner, batch, [float(learner.step(batch)["loss"]) for _ in range(steps)]


def test_both_keras_compute_in_it_and_variables_stay_float32(precision):
    assert keras.config.dtype_policy().name == tf_keras.mixed_precision.global_policy().name == precision.policy
    learner, batch, losses = learned(precision)
    outputs = learner.model({key: tf.constant(values) for key, values in batch.items()})
    assert outputs["query"].dtype == {"float32": "float32"}.get(precision.policy, precision.policy[6:])
    assert {variable.dtype.name for variable in learner.model.trainable_variables} == {"float32"}
    assert losses[2] < losses[0]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_losses_are_those_of_float32_to_the_digits_of_the_format(precision, jit_compile):
    low = learned(precision, jit_compile)[2]
    Precision().start("cpu")
    digits = {"float32": 1e-5, "mixed_bfloat16": 2e-2, "mixed_float16": 2e-3}[precision.policy]  # 24, 8 and 11 bits
    np.testing.assert_allclose(low, learned(Precision())[2], rtol=digits)


def test_a_scaled_loss_gives_the_same_step_as_none():
    """The scale is a power of two, so in float32 it changes no bit."""
    scaled = tf_keras.mixed_precision.LossScaleOptimizer(tf_keras.optimizers.SGD(0.5), initial_scale=1024)
    rows = []
    for optimizer in (tf_keras.optimizers.SGD(0.5), scaled):
        model = make_model()
        batch = make_batch(model, grown(model))
        Learner(model, optimizer).step(batch)
        rows.append(model.item_table.table.numpy())
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_step_of_infinite_gradients_is_left_out_and_halves_the_scale(jit_compile):
    precision = Precision("mixed_float16", initial_scale=2.0**60)  # times any gradient, it is infinite in float16
    precision.start("cpu")
    try:
        learner, batch, _ = learned(precision, jit_compile, steps=0)
        learner.build({key: values[:2] for key, values in batch.items()})
        before = [variable.numpy() for variable in learner.model.trainable_variables]
        learner.step(batch)
        assert float(learner.optimizer.loss_scale) == 2.0**59
        for variable, value in zip(learner.model.trainable_variables, before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)
        assert learner.optimizer.iterations.numpy() == 1
    finally:
        Precision().start("cpu")


def test_a_growing_table_leaves_the_scale_and_its_count():
    precision = Precision("mixed_float16", initial_scale=256, growth_steps=2)
    precision.start("cpu")
    try:
        learner, batch, _ = learned(precision, steps=3)  # doubled after two finite steps, then one more
        slots = [variable.numpy() for variable in inner(learner.optimizer).variables]
        assert float(learner.optimizer.loss_scale) == 512 and int(learner.optimizer.dynamic_counter) == 1
        assert learner.model.item_table.grow(3 * learner.model.item_table.capacity)
        learner.rebuild()
        assert float(learner.optimizer.loss_scale) == 512 and int(learner.optimizer.dynamic_counter) == 1
        for before, after in zip(slots, inner(learner.optimizer).variables, strict=True):
            after = after.numpy()
            np.testing.assert_array_equal(after[: len(before)] if before.ndim else after, before)
        learner.step(batch)
        assert float(learner.optimizer.loss_scale) == 1024
    finally:
        Precision().start("cpu")


@pytest.mark.parametrize(
    "capability, policy, sentence",
    [
        ((7, 5), "mixed_bfloat16", "needs a GPU of compute capability 8.0, and Card has 7.5: use precision=mixed_fl"),
        ((6, 1), "mixed_float16", "needs a GPU of compute capability 7.0, and Card has 6.1: use precision=float32"),
        ((8, 0), "mixed_bfloat16", None),
        ((7, 0), "mixed_float16", None),
        ((5, 0), "float32", None),
    ],
)
def test_a_gpu_that_does_not_compute_in_it_is_named(monkeypatch, capability, policy, sentence):
    details = {"device_name": "Card", "compute_capability": capability}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [tf.config.PhysicalDevice("GPU:0", kind)])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    try:
        if sentence is None:
            Precision(policy).start("gpu")
        else:
            with pytest.raises(InputError, match=sentence):
                Precision(policy).start("gpu")
    finally:
        Precision().start("cpu")


def test_a_tpu_has_no_float16():
    with pytest.raises(InputError, match="a TPU does not have: use mixed_bfloat16"):
        Precision("mixed_float16").start("tpu")


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"policy": "float8"}, "precision.policy is 'float8': choose float32, mixed_bfloat16, mixed_float16"),
        ({"initial_scale": 0.5}, "precision.initial_scale is 0.5"),
        ({"growth_steps": 0}, "precision.growth_steps is 0"),
    ],
)
def test_what_is_out_of_range_is_a_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Precision(**options)
