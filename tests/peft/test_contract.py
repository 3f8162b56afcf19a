"""What every method of conf/peft keeps to, on every family of encoders."""

import copy
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

from tests.peft.backbones import DIM, INNER, KINDS, LAYERS, backbone_of, gradients, inputs_of, rows_of
from tfrec.build import build
from tfrec.encoders.presets import scratch
from tfrec.errors import InputError

CONF = Path(__file__).resolve().parents[2] / "conf/peft"
METHODS = sorted(path.stem for path in CONF.glob("*.yaml"))
CHANGE_AT_ONCE = {"prompt", "prefix"}  # what words attend to is there from the start
TEXTS = ["red apple juice 1 l", "sugar", "", "dog food, dry"]
# New or chosen weights of a layer of dimension d = 16 with inner units f = 32, and those of all layers. BERT's dense
# layers: query, key, value, attention_output [d, d], the feed-forward's [d, f] and [f, d]; two normalisations of 2 d.
D, F = DIM, INNER
LAYER = 4 * (D * D + D) + (D * F + F) + (F * D + D) + 2 * 2 * D
COUNTS = {
    "frozen": 0,
    "full": 50 * D + 32 * D + 2 * D + 2 * D + LAYERS * LAYER,  # tokens, positions, segments, normalisation
    "last_k": LAYER,
    "bitfit": D + LAYERS * (4 * D + F + D + 2 * D),
    "lora": LAYERS * 2 * 8 * (D + D),
    "keras_lora": LAYERS * 2 * (D * 2 * 8 + 8 * D // 2),  # two heads of size 8
    "ia3": LAYERS * (D + D + F),
    "adapter": LAYERS * (2 * (2 * D * 16 + 16 + D) + 2 * 2 * D),
    "prompt": 8 * D,
    "prefix": 2 * LAYERS * 8 * D,
    "adalora": LAYERS * 2 * 12 * (D + 1 + D),
}
# Every method on BERT and every family with LoRA and a prefix, which some cannot have, by default.
PAIRS = [
    pytest.param(name, family, marks=[] if family == "bert" or name in ("lora", "prefix") else pytest.mark.slow)
    for name in METHODS
    for family in KINDS
]


def make(name, **options):
    return build(yaml.safe_load((CONF / f"{name}.yaml").read_text()) | options, "peft", seed=0)


@pytest.mark.parametrize("name", METHODS)
def test_as_many_weights_as_the_formula_says(name):
    model = make(name).adapt(backbone_of())
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == COUNTS[name]


@pytest.mark.parametrize("name, family", PAIRS)
def test_vectors_are_those_of_before_and_every_weight_has_a_gradient(name, family):
    backbone = backbone_of(family)
    inputs = inputs_of(backbone)
    before = rows_of(backbone, inputs).numpy()
    if (name, family) == ("prefix", "deberta"):
        with pytest.raises(InputError, match="DebertaV3Backbone has DisentangledSelfAttention: choose another"):
            make(name).adapt(backbone)
        return
    model = make(name).adapt(backbone)
    after = rows_of(model, inputs).numpy()
    assert after.shape == before.shape
    if name in CHANGE_AT_ONCE:
        assert not np.array_equal(after, before)
    else:
        np.testing.assert_array_equal(after, before)
    found = gradients(model, inputs)
    assert None not in found.values()
    assert not found or any(np.abs(slope).max() > 0 for slope in map(tf.convert_to_tensor, found.values()))
    assert len({v.path for v in model.variables}) == len(model.variables)


def learned(name, steps=3):
    """An encoder after steps on its texts."""
    encoder = scratch(peft=make(name))
    optimizer, tokens = tf.keras.optimizers.SGD(1.0), encoder.tokenize(TEXTS)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(encoder(tokens, training=True)[:, :8] - 1))
        weights = encoder.trainable_weights
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return encoder


@pytest.mark.parametrize("name", [name for name in METHODS if name != "frozen"])
def test_what_learns_moves_and_nothing_else(name):
    plain, encoder = scratch(peft=make(name)), learned(name)
    trained = {id(value) for value in encoder.trainable_weights}
    for (key, old), new in zip(plain.named_values().items(), encoder.named_values().values(), strict=True):
        if id(new) not in trained and "seed_generator" not in key:
            np.testing.assert_array_equal(new, old)
    assert not np.array_equal(encoder(TEXTS), plain(TEXTS))


@pytest.mark.parametrize("name", METHODS)
def test_after_learning_a_checkpoint_and_a_copy_give_the_same_vectors(name, tmp_path):
    encoder = learned(name)
    path = tf.train.Checkpoint(encoder=encoder).save(str(tmp_path / "c"))
    loaded = scratch(peft=make(name), seed=1)
    tf.train.Checkpoint(encoder=loaded).restore(path).assert_consumed()
    copied = copy.deepcopy(encoder)
    for other in (loaded, copied):
        np.testing.assert_allclose(other(TEXTS), encoder(TEXTS), atol=1e-6)
        assert other.fingerprint() == encoder.fingerprint()
        assert len(other.trainable_weights) == len(encoder.trainable_weights)
    for value in copied.trainable_weights:
        value.assign_add(tf.ones_like(value))
    np.testing.assert_allclose(loaded(TEXTS), encoder(TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("lora", "int8"),
        pytest.param("lora", "int4", marks=pytest.mark.slow),
        pytest.param("adalora", "int8", marks=pytest.mark.slow),
    ],
)
def test_a_change_of_quantised_weights_starts_as_nothing_learns_and_is_kept(name, mode, tmp_path):
    plain, encoder = scratch(quantize=mode), scratch(quantize=mode, peft=make(name))
    before = plain(TEXTS).numpy()
    np.testing.assert_allclose(encoder(TEXTS), before, atol=1e-6)
    random = np.random.default_rng(0)
    for weight in encoder.trainable_weights:
        weight.assign_add(random.normal(0, 0.2, weight.shape))
    assert sum(int(np.prod(w.shape)) for w in encoder.trainable_weights) == sum(
        int(np.prod(w.shape)) for w in scratch(peft=make(name)).trainable_weights
    )
    assert np.abs(encoder(TEXTS).numpy() - before).max() > 0.01
    path = tf.train.Checkpoint(encoder=encoder).save(str(tmp_path / "c"))
    loaded = scratch(quantize=mode, peft=make(name), seed=1)
    tf.train.Checkpoint(encoder=loaded).restore(path).assert_consumed()
    np.testing.assert_allclose(loaded(TEXTS), encoder(TEXTS), atol=1e-6)


@pytest.mark.parametrize("name", ["full", "last_k"])
def test_kernels_of_a_quantised_encoder_do_not_learn(name):
    with pytest.raises(InputError, match="encoder.quantize leaves no kernel that learns: .* such as lora"):
        scratch(quantize="int8", peft=make(name))


def test_biases_of_a_quantised_encoder_learn():
    assert sum(int(np.prod(w.shape)) for w in scratch(quantize="int8", peft=make("bitfit")).trainable_weights) == sum(
        int(np.prod(w.shape)) for w in scratch(peft=make("bitfit")).trainable_weights
    )


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in ("lora", "prompt") else pytest.mark.slow) for name in METHODS]
)
def test_xla_and_bfloat16_give_the_same_vectors(name):
    encoder = learned(name)
    tokens = tf.constant(encoder.tokenize(TEXTS))
    np.testing.assert_allclose(tf.function(encoder, jit_compile=True)(tokens), encoder(tokens), atol=1e-5)
    low = scratch(peft=make(name), dtype="mixed_bfloat16")
    for value, of in zip(low.named_values().values(), encoder.named_values().values(), strict=True):
        value.assign(of)
    # Numbers of 8 bits, some twenty roundings one after another.
    np.testing.assert_allclose(tf.cast(low(tokens), tf.float32), encoder(tokens), atol=20 * 2.0**-8)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("last_k", {"k": 0}, "peft.k is 0: choose 1 or more"),
        ("last_k", {"k": 3}, "peft.k is 3, but the encoder has 2 transformer layers"),
        ("lora", {"rank": 0}, "peft.rank is 0"),
        ("lora", {"alpha": 0}, "peft.alpha is 0"),
        ("lora", {"dropout": 1.0}, "peft.dropout is 1.0"),
        ("lora", {"bias": "some"}, "peft.bias is 'some': choose none, all, lora"),
        ("lora", {"layers": []}, "peft.layers is empty"),
        ("lora", {"layers": ["quarry"]}, "peft.layers names 'quarry', which .* BertBackbone does not have: .*query"),
        ("keras_lora", {"rank": 0}, "peft.rank is 0"),
        ("keras_lora", {"layers": ["quarry"]}, "peft.layers names 'quarry', which BertBackbone does not have"),
        ("ia3", {"layers": []}, "peft.layers is empty"),
        ("adapter", {"size": 0}, "peft.size is 0"),
        ("adapter", {"kind": "small"}, "peft.kind is 'small': choose houlsby or pfeiffer"),
        ("prompt", {"length": 0}, "peft.length is 0"),
        ("prefix", {"length": 0}, "peft.length is 0"),
        ("adalora", {"target": 13}, "peft.target is 13, peft.rank is 12"),
        ("adalora", {"start": 500}, "choose 0 <= start < end"),
        ("adalora", {"beta_1": 1.0}, "peft.beta_1 is 1.0"),
    ],
)
def test_errors_say_what_to_do(name, options, message):
    with pytest.raises(InputError, match=message):
        make(name, **options).adapt(backbone_of())
