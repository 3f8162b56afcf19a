"""How the items of a history become one vector."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec.errors import InputError
from tfrec.layers.history.attention import Attention
from tfrec.layers.history.gru import Gru
from tfrec.layers.history.mean import Mean
from tfrec.layers.history.transformer import Transformer

DIM = 4
ENCODERS = [Mean, Attention, Gru, Transformer]


def made(kind, seed=0):
    """An encoder in which every weight is a random number, so that each of them matters."""
    encoder = kind()
    encoder.build((None, None, DIM))
    rng = np.random.default_rng(seed)
    for variable in encoder.trainable_variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    return encoder


def histories(length=5):
    """Three histories of 3, 1 and 0 items, newest first."""
    rng = np.random.default_rng(1)
    weight = np.zeros((3, length), np.float32)
    weight[0, :3], weight[1, 0] = [0.2, 0.5, 0.3], 1
    age, count = np.zeros_like(weight), np.zeros_like(weight)
    age[0, :3], age[1, 0], count[0, :3], count[1, 0] = [1, 2, 9], 4, [3, 1, 7], 2
    items = np.zeros((3, length, DIM), np.float32)
    items[:, :3] = rng.normal(size=(3, 3, DIM))
    return items, {"history_weight": weight, "history_age": age, "history_count": count}


@pytest.mark.parametrize("kind", ENCODERS)
def test_padding_has_no_influence(kind):
    encoder, (items, features) = made(kind), histories()
    expected = encoder(items, features).numpy()
    assert expected.shape == (3, DIM) and np.isfinite(expected).all()
    other = {name: values.copy() for name, values in features.items()}
    padded = features["history_weight"] == 0
    items = items.copy()
    items[padded], other["history_age"][padded], other["history_count"][padded] = 7, 3, 5
    np.testing.assert_allclose(encoder(items, other), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(encoder(*histories(9)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ENCODERS)
def test_xla_gives_what_the_plain_graph_gives(kind):
    encoder, (items, features) = made(kind), histories()

    def step(items, features):
        with tf.GradientTape() as tape:
            tape.watch(items)
            vector = encoder(items, features, training=True)
        return vector, tape.gradient(vector, items)

    items, features = tf.constant(items), {name: tf.constant(values) for name, values in features.items()}
    plain = tf.function(step)(items, features)
    compiled = tf.function(step, jit_compile=True)(items, features)
    for one, other in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_mean_by_hand():
    """W starts as the identity and b at 0: 0.25 * (4, 0, 0, 0) + 0.75 * (0, 8, 0, 0) = (1, 6, 0, 0)."""
    mean = Mean()
    items = np.zeros((1, 3, DIM), np.float32)
    items[0, 0, 0], items[0, 1, 1] = 4, 8
    vector = mean(items, {"history_weight": np.array([[0.25, 0.75, 0]], np.float32)})
    np.testing.assert_array_equal(vector, [[1, 6, 0, 0]])


def test_attention_starts_as_the_mean_and_is_the_formula():
    items, features = histories()
    np.testing.assert_allclose(Attention()(items, features), Mean()(items, features), rtol=1e-5, atol=1e-6)
    attention = made(Attention)
    weight, age, count = (features[f"history_{name}"][0, :3] for name in ("weight", "age", "count"))
    query, (gap, often) = attention.query.numpy(), attention.scales.numpy()
    share = weight * np.exp(items[0, :3] @ query) * age**gap * (1 + count) ** often
    kernel, bias = attention.map.get_weights()
    expected = share @ items[0, :3] / share.sum() @ kernel + bias
    np.testing.assert_allclose(attention(items, features)[0], expected, rtol=1e-4)


def test_gru_is_the_recurrence_from_the_oldest_item_on():
    """Keras's GRU with reset after: z, r and the candidate, each with two biases, written out in numpy."""
    gru, (items, features) = made(Gru), histories()
    kernel, recurrent, bias = gru.rnn.cell.get_weights()
    state = np.zeros(DIM)
    for item in items[0, 2::-1]:
        inward, own = np.split(item @ kernel + bias[0], 3), np.split(state @ recurrent + bias[1], 3)
        keep, reset = (1 / (1 + np.exp(-inward[n] - own[n])) for n in (0, 1))
        state = keep * state + (1 - keep) * np.tanh(inward[2] + reset * own[2])
    out, start = gru.map.get_weights()
    vectors = gru(items, features).numpy()
    np.testing.assert_allclose(vectors[0], state @ out + start, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(vectors[2], start, rtol=1e-5)  # no purchase


def test_transformer_of_one_item_without_attention_is_its_normed_sum():
    """With all maps of the block at 0, the vector is the norm of 2 item + gap[2] + count[1] (age 4, count 2)."""
    transformer, (items, features) = made(Transformer), histories()
    for dense in transformer.maps:
        dense.set_weights([weights * 0 for weights in dense.get_weights()])
    x = 2 * items[1, 0] + transformer.gaps.numpy()[2] + transformer.counts.numpy()[1]
    gamma, beta = transformer.norms[-1].get_weights()
    expected = (x - x.mean()) / np.sqrt(x.var() + 1e-6) * gamma + beta
    vectors = transformer(items, features).numpy()
    np.testing.assert_allclose(vectors[1], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(vectors[2], np.zeros(DIM))


@pytest.mark.parametrize("blocks, heads", [(1, 2), (2, 1), (2, 2)])
def test_transformer_is_the_formula(blocks, heads):
    """Of three items, newest first, in numpy, place by place: each attends to itself and to the older ones."""
    transformer, (items, features) = made(lambda: Transformer(blocks, heads)), histories()
    x = 2 * items[0, :3] + transformer.gaps.numpy()[[0, 1, 3]] + transformer.counts.numpy()[[1, 0, 2]]  # ages 1, 2, 9

    def normed(x, layer):
        gamma, beta = layer.get_weights()
        return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-6) * gamma + beta

    def mapped(x, layer):
        kernel, bias = layer.get_weights()
        return x @ kernel + bias

    size = DIM // heads
    for block in range(blocks):
        inward, outward, wide, narrow = transformer.maps[4 * block : 4 * block + 4]
        query, key, value = np.split(mapped(normed(x, transformer.norms[2 * block]), inward), 3, axis=1)
        seen = np.zeros_like(x)
        for place in range(3):
            for head in (slice(h * size, (h + 1) * size) for h in range(heads)):
                share = np.exp(key[place:, head] @ query[place, head] / np.sqrt(size))
                seen[place, head] = share @ value[place:, head] / share.sum()
        x = x + mapped(seen, outward)
        x = x + mapped(np.maximum(mapped(normed(x, transformer.norms[2 * block + 1]), wide), 0), narrow)
    expected = normed(x, transformer.norms[-1])[0]
    np.testing.assert_allclose(transformer(items, features)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"heads": 3}, "model.history.heads=3 must divide model.dim=4"),
        ({"blocks": 0}, "model.history.blocks=0.*choose 1 or more"),
    ],
)
def test_a_transformer_that_cannot_be_is_a_sentence(options, words):
    with pytest.raises(InputError, match=words):
        Transformer(**options).build((None, None, DIM))


@pytest.mark.parametrize("kind", [Gru, Transformer])
def test_order_matters_and_seeds_repeat(kind):
    encoder, (items, features) = made(kind), histories()
    turned = items.copy()
    turned[0, :3] = items[0, 2::-1]
    assert np.abs(encoder(turned, features) - encoder(items, features))[0].max() > 1e-3
    np.testing.assert_array_equal(kind(seed=3)(items, features), kind(seed=3)(items, features))
    assert (kind(seed=3)(items, features) != kind(seed=4)(items, features)).numpy().any()
