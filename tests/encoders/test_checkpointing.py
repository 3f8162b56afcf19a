import numpy as np
import pytest
import tensorflow as tf

from tfrec.encoders.presets import scratch
from tfrec.peft.full import Full
from tfrec.peft.lora import Lora

TEXTS = ["red apple juice", "dog food, dry", "sugar"]


def slopes(compiled, **options):
    """Loss and gradients of two steps on the same texts, which draw other dropout."""
    encoder = scratch(dropout=0.3, max_length=16, **options)
    tokens, weight = tf.constant(encoder.tokenize(TEXTS)), tf.range(float(encoder.dim))
    random = np.random.default_rng(0)
    for variable in encoder.trainable_weights:  # as they start, attention is so even that its gradients are rounding
        variable.assign(random.normal(0, 0.3, variable.shape))

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(encoder(tokens, training=True) * weight)
        return loss, *map(tf.convert_to_tensor, tape.gradient(loss, encoder.trainable_weights))

    step = tf.function(step, jit_compile=compiled)
    return [*step(), *step()]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "family, peft", [("bert", lambda: Lora(dropout=0.3)), pytest.param("deberta_v3", Full, marks=pytest.mark.slow)]
)
def test_gradients_are_those_without_it(family, peft, compiled):
    plain = slopes(compiled, family=family, peft=peft())
    found = slopes(compiled, family=family, peft=peft(), checkpointing=True)
    assert len(found) == len(plain)
    for once, twice in zip(plain, found, strict=True):
        np.testing.assert_allclose(twice, once, rtol=1e-3, atol=1e-4)
    half = len(plain) // 2
    assert not np.allclose(plain[0], plain[half])  # or dropout had not been looked at


def test_a_graph_holds_fewer_tensors_until_the_gradient_needs_them():
    """From the forward pass to the gradient: of each layer its input, and none of what is inside of it."""

    def held(checkpointing):
        encoder = scratch(layers=4, dropout=0.0, peft=Full(), checkpointing=checkpointing)
        tokens = tf.constant(encoder.tokenize(TEXTS))

        def forward():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(encoder(tokens, training=True))
            before = set(tf.compat.v1.get_default_graph().get_operations())
            tape.gradient(loss, encoder.trainable_weights)
            after = set(tf.compat.v1.get_default_graph().get_operations()) - before
            used = {source.op for op in after for source in op.inputs} & before
            shapes = [op.outputs[0].shape for op in used if op.type not in ("ReadVariableOp", "Const")]
            sizes.append(sum(shape.num_elements() or 0 for shape in shapes if shape.is_fully_defined()))
            return loss

        sizes = []
        tf.function(forward).get_concrete_function()
        return sizes[0]

    assert held(True) < held(False) / 3
