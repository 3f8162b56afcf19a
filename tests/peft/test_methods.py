"""Each method against its own arithmetic."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.peft.backbones import DIM, backbone_of, inputs_of, rows_of
from tfrec.errors import InputError
from tfrec.peft.adapter import Adapter
from tfrec.peft.bitfit import Bitfit
from tfrec.peft.ia3 import Ia3, Scaled
from tfrec.peft.keras_lora import KerasLora
from tfrec.peft.lora import Lora, LowRank
from tfrec.peft.prefix import Prefix, Prefixed
from tfrec.peft.prompt import Prompt

ALL = ["query", "key", "value", "attention_output", "feedforward_intermediate_dense", "feedforward_output_dense"]


def shaken(variables, seed=0):
    """Gives weights random numbers."""
    rng = np.random.default_rng(seed)
    for variable in variables:
        variable.assign(rng.normal(scale=0.3, size=variable.shape))


def dense(kernel=(3, 4), equation=None, **options):
    """A built dense layer with random weights, also one with heads."""
    if equation is None:
        layer = keras.layers.Dense(kernel[1], **options)
        layer.build((None, kernel[0]))
    else:
        given, gives, bias = {"ab,bcd->acd": ((2, 3), (4, 5), "cd"), "acd,cde->ae": ((2, 4, 5), (6,), "e")}[equation]
        layer = keras.layers.EinsumDense(equation, gives, bias_axes=bias)
        layer.build(given)
    shaken(layer.variables)
    return layer


@pytest.mark.parametrize("equation", [None, "ab,bcd->acd", "acd,cde->ae"])
def test_a_low_rank_change_is_its_formula(equation):
    """`act(x W + b + alpha / rank * x A B)`, with heads as one vector."""
    layer = dense(equation=equation) if equation else dense(activation="relu")
    rng = np.random.default_rng(1)
    x = rng.normal(size={None: (2, 3), "ab,bcd->acd": (2, 3), "acd,cde->ae": (2, 4, 5)}[equation]).astype(np.float32)
    plain = layer(x).numpy()
    changed = LowRank(layer, rank=2, alpha=6.0, dropout=0.0, seed=0, name="changed")
    np.testing.assert_array_equal(changed(x), plain)
    shaken([changed.a, changed.b])
    change = 3 * x.reshape(2, -1) @ changed.a.numpy() @ changed.b.numpy()
    before = x @ layer.kernel.numpy() + layer.bias.numpy() if equation is None else plain
    expected = before + change.reshape(plain.shape)
    np.testing.assert_allclose(changed(x), expected if equation else np.maximum(expected, 0), rtol=1e-4, atol=1e-5)


def test_a_matrix_has_the_variance_that_is_said_and_another_seed_another():
    layer = LowRank(dense((400, 50)), rank=100, alpha=1.0, dropout=0.0, seed=0, name="one")
    first = layer.a.numpy()
    assert first.std() == pytest.approx(400**-0.5, rel=0.02)  # of 40,000 draws
    layer.start(1)
    assert not np.array_equal(layer.a, first)


@pytest.mark.parametrize("family", ["bert", "albert", "deberta", "gpt2"])
def test_merging_moves_the_change_into_the_weights_and_back(family):
    method, backbone = Lora(rank=2, layers=ALL), backbone_of(family)
    method.adapt(backbone)
    inputs, start = inputs_of(backbone), rows_of(backbone, inputs_of(backbone)).numpy()
    kernels = [layer.inner.kernel.numpy() for layer in method.added(backbone)]
    shaken([factor for layer in method.added(backbone) for factor in (layer.a, layer.b)])
    learned = rows_of(backbone, inputs).numpy()
    assert np.abs(learned - start).max() > 0.1
    for _ in range(2):  # a second time changes nothing
        method.merge(backbone)
    np.testing.assert_allclose(rows_of(backbone, inputs), learned, atol=1e-3)
    assert not any(np.allclose(k, layer.inner.kernel) for k, layer in zip(kernels, method.added(backbone), strict=True))
    method.unmerge(backbone)
    for kernel, layer in zip(kernels, method.added(backbone), strict=True):
        np.testing.assert_allclose(layer.inner.kernel, kernel, atol=1e-6)
    np.testing.assert_allclose(rows_of(backbone, inputs), learned, atol=1e-3)
    method.merge(backbone)
    method.start_anew(backbone, seed=7)
    np.testing.assert_allclose(rows_of(backbone, inputs), learned, atol=1e-3)
    assert all((layer.b.numpy() == 0).all() and float(layer.active) == 1 for layer in method.added(backbone))


@pytest.mark.parametrize("family", ["bert", "albert", "deberta", "gpt2"])
def test_scales_move_into_the_weights(family):
    """Those behind an activation into the layer that reads it."""
    method, backbone = Ia3(), backbone_of(family)
    method.adapt(backbone)
    scales = [layer.scale for layer in backbone._flatten_layers() if isinstance(layer, Scaled)]
    for variable in backbone.variables:  # biases are zero at the start, and would hide what is not scaled
        if variable.path.endswith("bias"):
            variable.assign(keras.random.normal(variable.shape, seed=3))
    inputs, start = inputs_of(backbone), rows_of(backbone, inputs_of(backbone)).numpy()
    shaken(scales)
    learned = rows_of(backbone, inputs).numpy()
    assert np.abs(learned - start).max() > 0.02
    for _ in range(2):  # a second time changes nothing
        method.merge(backbone)
        assert all((scale.numpy() == 1).all() for scale in scales)
        np.testing.assert_allclose(rows_of(backbone, inputs), learned, atol=1e-3)


def test_a_scale_behind_an_activation_that_nothing_is_known_to_read_is_refused():
    layer = dense((4, 4))
    layer.activation = keras.activations.relu
    with pytest.raises(InputError, match="cannot merge into '.*', which has an activation: leave it out"):
        Scaled(layer, "one").merge(None)


def test_dropout_of_a_change_is_on_while_learning_alone():
    backbone = backbone_of()
    method = Lora(rank=2, dropout=0.5)
    method.adapt(backbone)
    shaken([factor for layer in method.added(backbone) for factor in (layer.a, layer.b)])
    for layer in backbone._flatten_layers():
        if isinstance(layer, keras.layers.Dropout) and "lora" not in layer.name:
            layer.rate = 0.0
    inputs = inputs_of(backbone)
    still = [rows_of(backbone, inputs).numpy() for _ in range(2)]
    drawn = [rows_of(backbone, inputs, training=True).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert not np.allclose(*drawn) and not np.allclose(drawn[0], still[0])


@pytest.mark.parametrize(("bias", "number"), [("none", 8), ("lora", 8 + 4), ("all", 8 + 12 + 5)])
def test_biases_learn_as_the_policy_says(bias, number):
    """Two layers with A and B of query and value; 2 * 6 biases of dense layers, 5 of normalisations (beta)."""
    backbone = Lora(bias=bias).adapt(backbone_of())
    names = [v.path.rpartition("/")[2] for v in backbone.trainable_variables]
    expected = {"none": (0, 0), "lora": (4, 0), "all": (12, 5)}[bias]
    assert (names.count("bias"), names.count("beta")) == expected and len(names) == number


def test_keras_s_own_changes_may_take_biases_along():
    assert len(KerasLora().adapt(backbone_of()).trainable_variables) == 8
    assert len(KerasLora(bias=True).adapt(backbone_of()).trainable_variables) == 12
    of_keys = KerasLora(layers=["key"]).adapt(backbone_of()).trainable_variables
    assert len(of_keys) == 4 and all("key" in v.path for v in of_keys)


def test_bitfit_trains_all_biases_and_no_kernel():
    names = {v.path.rpartition("/")[2] for v in Bitfit().adapt(backbone_of()).trainable_variables}
    assert names == {"bias", "beta"}


def test_scales_multiply_what_layers_give():
    """Doubling the scale of the feed-forward's inner units is doubling the kernel after them."""
    one, two = backbone_of(), backbone_of()
    for mine, other in zip(two.variables, one.variables, strict=True):
        mine.assign(other)
    inputs = inputs_of(one)
    Ia3(["feedforward_intermediate_dense"]).adapt(one)
    for block, other in zip(one.transformer_layers, two.transformer_layers, strict=True):
        block._feedforward_intermediate_dense.scale.assign(np.full(32, 2.0))
        other._feedforward_output_dense.kernel.assign(2 * other._feedforward_output_dense.kernel)
    np.testing.assert_allclose(rows_of(one, inputs), rows_of(two, inputs), atol=1e-5)


@pytest.mark.parametrize(("kind", "places"), [("houlsby", 2), ("pfeiffer", 1)])
def test_an_adapter_is_its_formula(kind, places):
    """`h + U relu(D h + d) + u` after a sub-layer."""
    backbone = backbone_of()
    Adapter(3, kind, "relu").adapt(backbone)
    block = backbone.transformer_layers[0]
    adapters = [block._self_attention_layer._output_dense, block._feedforward_output_dense]
    assert [hasattr(each, "down") for each in adapters] == [kind == "houlsby", True]
    adapter = adapters[1]
    shaken([*adapter.down.variables, *adapter.up.variables])
    x = np.random.default_rng(2).normal(size=(2, 32)).astype(np.float32)
    h = adapter.inner(x).numpy()
    down, d, up, u = (v.numpy() for v in [*adapter.down.variables, *adapter.up.variables])
    np.testing.assert_allclose(adapter(x), h + np.maximum(h @ down + d, 0) @ up + u, atol=1e-5)
    norms = [v for v in backbone.trainable_variables if v.path.endswith(("gamma", "beta"))]
    assert len(norms) == (8 if kind == "houlsby" else 0)


def test_a_prefix_is_attention_over_more_keys_and_values():
    """`softmax(q [P_k; K]' / sqrt(size)) [P_v; V]` of each head, with the tokens' mask."""
    attention = keras.layers.MultiHeadAttention(2, 3)
    attention.build((1, 4, 6), (1, 4, 6))
    shaken(attention.variables)
    layer = Prefixed(attention, 2, 0, "prefixed")
    shaken([layer.keys, layer.values], seed=1)
    x = np.random.default_rng(2).normal(size=(1, 4, 6)).astype(np.float32)
    mask = np.array([[[1, 1, 0, 1]] * 4], bool)
    q, k, v = (np.asarray(part(x))[0] for part in (attention.query_dense, attention.key_dense, attention.value_dense))
    k, v = np.concatenate([layer.keys.numpy(), k]), np.concatenate([layer.values.numpy(), v])
    scores = np.einsum("thd,shd->hts", q, k) / 3**0.5
    scores = np.where(np.concatenate([np.ones((4, 2), bool), mask[0]], 1), scores, -np.inf)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = attention.output_dense(np.einsum("hts,shd->thd", weights, v)[None].astype(np.float32))
    found = layer(query=tf.constant(x), value=tf.constant(x), attention_mask=tf.constant(mask))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_prefix_does_not_write_texts():
    attention = keras.layers.MultiHeadAttention(2, 3)
    attention.build((1, 4, 6), (1, 4, 6))
    with pytest.raises(InputError, match="encodes texts, and writes none"):
        Prefixed(attention, 2, 0, "prefixed")(tf.zeros((1, 4, 6)), tf.zeros((1, 4, 6)), cache=tf.zeros((1, 2, 4, 2, 3)))


def test_a_prompt_of_embedded_tokens_is_what_the_words_see():
    """A prompt stands where the text's own first tokens would, after their positions: of a model whose positions and
    segments are zero, and that normalises nothing there, it is the same as these tokens in the text."""
    backbone = backbone_of("gpt2")
    shaken(backbone.variables[:1])
    backbone.position_embedding.position_embeddings.assign(np.zeros((32, DIM)))
    inputs = inputs_of(backbone)
    method = Prompt(2)
    model = method.adapt(backbone)
    prompt = model.trainable_variables[0]
    words = np.array([7, 11])
    prompt.assign(backbone.token_embedding.embeddings.numpy()[words])
    longer = {
        "token_ids": np.concatenate([np.tile(words, (3, 1)), inputs["token_ids"]], 1),
        "padding_mask": np.concatenate([np.ones((3, 2), np.int32), inputs["padding_mask"]], 1),
    }
    real = inputs["padding_mask"].numpy() > 0
    np.testing.assert_allclose(rows_of(model, inputs)[real], rows_of(backbone, longer)[:, 2:][real], atol=1e-5)


def test_a_prompt_starts_as_embeddings_of_tokens():
    backbone = backbone_of()
    vectors = Prompt(5, seed=3).adapt(backbone).trainable_variables[0].numpy()
    table = backbone.token_embedding.embeddings.numpy()
    assert all((table == vector).all(axis=1).any() for vector in vectors)
    assert Prefix(3).adapt(backbone_of()).trainable_variables[0].shape == (3, 2, DIM // 2)
