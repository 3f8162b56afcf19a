"""What a compressed encoder loses and gains against the one it was made of."""

import time
import zlib
from collections.abc import Sequence

import numpy as np

from tfrec.encoders.cache import encode_texts, traced
from tfrec.encoders.text import TextEncoder

BLOCK = 256  # queries whose products are held at once


def report(encoder: TextEncoder, vectors: np.ndarray, texts: Sequence[str], queries: int, nearest: int) -> dict:
    """Quality, size and speed of an encoder, against the vectors of another.

    Args:
        vectors: what the other gives for the texts, `[n, dim]`; lengths do not matter. queries: how many of the texts
            ask for their neighbours. nearest: how many neighbours.

    Returns:
        `cosine` and `lowest_cosine` to the other's vectors (NaN where the dimensions differ), `recall` (see
        `neighbours_kept`), `bytes` of the weights in memory, `zipped` when compressed in a file, `texts_per_second`.
    """
    forward = traced(encoder)
    encode_texts(encoder, texts[:BLOCK], None, forward=forward)  # the first call traces
    started = time.perf_counter()
    found = encode_texts(encoder, texts, None, forward=forward)
    seconds = time.perf_counter() - started
    found, vectors = (each / np.linalg.norm(each, axis=1, keepdims=True).clip(1e-12) for each in (found, vectors))
    same = found.shape == vectors.shape
    cosine = (found * vectors).sum(axis=1) if same else np.full(len(texts), np.nan)
    weights = [value.numpy().tobytes() for value in encoder.named_values().values()]
    return {
        "cosine": float(cosine.mean()),
        "lowest_cosine": float(cosine.min()),
        "recall": neighbours_kept(vectors, found, queries, nearest),
        "bytes": sum(map(len, weights)),
        "zipped": sum(len(zlib.compress(each)) for each in weights),
        "texts_per_second": len(set(texts)) / seconds,
    }


def neighbours_kept(one: np.ndarray, other: np.ndarray, queries: int, nearest: int) -> float:
    """Share of the `nearest` rows by inner product of `one` that are among those by `other`, mean over rows that stand
    evenly among all: a row itself is no neighbour.

    Args:
        one, other: `[n, dim]`, not of the same dimension necessarily; n above `nearest`.
    """
    rows, kept = np.unique(np.linspace(0, len(one) - 1, queries).astype(int)), []
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        near = [_nearest(vectors, block, nearest) for vectors in (one, other)]
        kept += [len(np.intersect1d(a, b)) / nearest for a, b in zip(*near, strict=True)]
    return float(np.mean(kept))


def _nearest(vectors: np.ndarray, rows: np.ndarray, nearest: int) -> np.ndarray:
    """`[rows, nearest]`, of equal ones those that stand first."""
    scores = vectors[rows] @ vectors.T
    scores[np.arange(len(rows)), rows] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :nearest]
