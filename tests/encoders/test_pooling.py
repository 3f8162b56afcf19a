import numpy as np
import pytest
import tensorflow as tf

from tfrec.encoders.pooling import Pooling
from tfrec.encoders.presets import scratch
from tfrec.errors import InputError
from tfrec.peft.full import Full

HIDDEN = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)  # of two tokens, of four, of none


def by_hand(kind):
    one, two = HIDDEN[0, :2], HIDDEN[1]
    return {
        "mean": [one.mean(0), two.mean(0)],
        "cls": [one[0], two[0]],
        "max": [one.max(0), two.max(0)],
        "last": [one[1], two[3]],
        "attention": [one.mean(0), two.mean(0)],  # of equal weights at the start
    }[kind]


@pytest.mark.parametrize("kind", ["mean", "cls", "max", "last", "attention"])
def test_a_text_s_vector_is_the_pooled_one_of_its_own_tokens(kind):
    found = Pooling(kind, 5)(HIDDEN, MASK).numpy()
    np.testing.assert_allclose(found[:2], by_hand(kind), rtol=1e-5)
    np.testing.assert_array_equal(found[2], 0)


def test_attention_weighs_tokens_by_a_learned_vector():
    pooling = Pooling("attention", 5)
    w = np.random.default_rng(1).normal(size=(5, 1))
    pooling.query.assign(w)
    scores = np.exp(HIDDEN[0, :2] @ w)
    np.testing.assert_allclose(pooling(HIDDEN, MASK)[0], (scores / scores.sum() * HIDDEN[0, :2]).sum(0), rtol=1e-4)


def test_a_projection_has_orthonormal_columns():
    pooling = Pooling("mean", 5, projection=3, seed=2)
    m = pooling.projection.numpy()
    assert pooling.dim == 3
    np.testing.assert_allclose(m.T @ m, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(pooling(HIDDEN, MASK)[:2], np.stack(by_hand("mean")) @ m, rtol=1e-4, atol=1e-6)


def test_what_pools_learns_if_the_encoder_does():
    texts = ["apple", "dog food"]
    still = scratch(projection=8)
    assert still(texts).shape == (2, 8) and not still.trainable_weights
    encoder = scratch(pooling="attention", projection=8, peft=Full())
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(encoder(texts)[:, :3])
    names = {id(value): name for name, value in encoder.named_values().items()}
    slopes = tape.gradient(loss, encoder.trainable_weights)
    slopes = {names[id(weight)]: slope for weight, slope in zip(encoder.trainable_weights, slopes, strict=True)}
    for name in ("pooling/query#0", "pooling/projection#0"):
        assert np.abs(slopes[name]).max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "sum"}, "encoder.pooling is 'sum': choose mean, cls, max, last or attention"),
        ({"projection": 33}, "encoder.projection is 33: choose 1 to 32, or null"),
        ({"pooling": "attention"}, "encoder.pooling=attention learns, and peft=frozen learns nothing"),
        ({"quantize": "int2"}, "encoder.quantize is 'int2': choose int8, int4 or null"),
    ],
)
def test_errors_say_what_to_do(options, message):
    with pytest.raises(InputError, match=message):
        scratch(**options)
