"""How the parts of a candidate become one vector."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.errors import InputError
from tfrec.layers.fusion.gated import Gated
from tfrec.layers.fusion.mlp import Mlp
from tfrec.layers.fusion.sum import Sum

DIM, PARTS = 3, 3
FUSIONS = [Sum, Mlp, Gated]


def made(kind, **options):
    """A fusion whose every weight is a random number, so that each of them matters."""
    fusion, rng = kind(**options), np.random.default_rng(0)
    fusion.build([(None, DIM)] * PARTS)
    for variable in fusion.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    return fusion


def items(n=5):
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=(n, DIM)).astype(np.float32) for _ in range(PARTS)]
    return parts, {"item_count": np.arange(n, dtype=np.float32)}


def test_the_sum_goes_from_the_first_to_the_last():
    """In float32, 1e8 - 1e8 + 1 is 1, and 1e8 + (1 - 1e8) is 0 or 8 too many: the order is that of the parts."""
    parts = [np.full((1, DIM), value, np.float32) for value in (1e8, -1e8, 1)]
    np.testing.assert_array_equal(Sum()(parts), np.ones((1, DIM)))


def test_mlp_by_hand():
    """x = (1, 2 | 3, -4): hidden = relu(1 + 2 + 3, 2 * -4 + 5) = (6, 0); c = (6 + 1, 2 * 6 + 0) = (7, 12)."""
    mlp = Mlp(hidden=[2])
    mlp.build([(None, 2), (None, 2)])
    mlp.hidden.dense[0].set_weights([np.array([[1, 0], [1, 0], [1, 0], [0, 2.0]]), np.array([0, 5.0])])
    mlp.map.set_weights([np.array([[1, 2], [9, 9.0]]), np.array([1, 0.0])])
    np.testing.assert_array_equal(mlp([np.array([[1, 2.0]]), np.array([[3, -4.0]])]), [[7, 12]])


def test_mlp_is_its_layers_one_after_the_other():
    mlp, (parts, features) = made(Mlp, hidden=[4, 5]), items()
    x = np.concatenate(parts, axis=1)
    for layer in mlp.hidden.dense:
        kernel, bias = layer.get_weights()
        x = np.maximum(x @ kernel + bias, 0)
    kernel, bias = mlp.map.get_weights()
    assert kernel.shape == (5, DIM)
    np.testing.assert_allclose(mlp(parts, features), x @ kernel + bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count, share", [(0, 1 / 7), (1, 2 / 8), (5, 1 / 2), (29, 30 / 36)])
def test_the_gate_starts_with_more_content_for_rarer_items(count, share):
    """half = 5: g = (1 + n) / (1 + n + 6), whatever the content is."""
    gated = Gated(half=5)
    parts = [np.full((1, DIM), value, np.float32) for value in (1, 10, 20)]  # content 30
    vector = gated(parts, {"item_count": np.float32([count])})
    np.testing.assert_allclose(vector, np.full((1, DIM), share + (1 - share) * 30), rtol=1e-5)


def test_the_gate_is_the_formula():
    gated, (parts, features) = made(Gated), items()
    own, content = parts[0], parts[1] + parts[2]
    slope, bias, weights = gated.slope.numpy(), gated.bias.numpy(), gated.content.numpy()
    share = 1 / (1 + np.exp(-(slope * np.log(1 + features["item_count"]) + bias + content @ weights)))[:, None]
    np.testing.assert_allclose(gated(parts, features), share * own + (1 - share) * content, rtol=1e-5)
    known = np.array([1, 0, 1, 1, 0], bool)
    expected = np.where(known[:, None], share * own + (1 - share) * content, content)
    np.testing.assert_allclose(gated(parts, features, known), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", FUSIONS)
def test_xla_gives_what_the_plain_graph_gives(kind):
    fusion, (parts, features) = made(kind), items()
    known = tf.constant([True, True, False, True, False])

    def step(parts, features):
        with tf.GradientTape() as tape:
            tape.watch(parts)
            vector = fusion(parts, features, known, training=True)
        return vector, *tape.gradient(vector, parts)

    parts, features = [*map(tf.constant, parts)], {name: tf.constant(values) for name, values in features.items()}
    compiled = tf.function(step, jit_compile=True)(parts, features)
    for one, other in zip(tf.function(step)(parts, features), compiled, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("kind", FUSIONS)
def test_a_seed_repeats_and_types_are_kept(kind):
    parts, features = items()
    np.testing.assert_array_equal(kind()(parts, features), kind()(parts, features))
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        fusion = made(kind)
        vector = fusion([tf.cast(part, tf.bfloat16) for part in parts], features)
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert vector.dtype == tf.bfloat16 and all(v.dtype == tf.float32 for v in fusion.trainable_variables)
    np.testing.assert_allclose(tf.cast(vector, tf.float32), made(kind)(parts, features), atol=0.1)


@pytest.mark.parametrize("kind, options", [(Mlp, {"hidden": [0]}), (Mlp, {"dropout": 1}), (Gated, {"half": -1})])
def test_wrong_settings_are_named(kind, options):
    with pytest.raises(InputError, match="choose"):
        kind(**options)
