"""Vectors of texts, encoded once and kept on disk for as long as the encoder stays the same."""

import hashlib
import io
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfrec.errors import InputError

log = logging.getLogger(__name__)

# Encoding that is killed loses at most this many texts.
_SAVE_EVERY = 4096
# Lengths that batches are padded to, in tokens: wider steps pad more, narrower ones compile more under XLA.
_LENGTH_STEP = 4
_KEY_BYTES = 16


def encode_texts(
    encoder,
    texts: Sequence[str],
    folder: Path | str | None,
    progress: Callable[[int, int], None] | None = None,
    jit_compile: bool = False,
    batch_size: int = 32,
    forward: Callable | None = None,
) -> np.ndarray:
    """Vectors of texts in inference mode, each different text encoded once.

    A vector is the same, bit for bit, whatever else is encoded with it or is known already.

    Args:
        encoder: TextEncoder; its fingerprint names the subfolder, so other weights never share vectors.
        texts: `n` strings.
        folder: where vectors are kept between calls, or None to keep none (for an encoder that trains).
        progress: called as `progress(texts_done, texts_to_encode)` after every 4096 texts and at the end.
        jit_compile: XLA, which compiles every padded length once a call.
        batch_size: texts encoded together.
        forward: what `traced` returned for the same encoder, XLA and batch, for further calls; None traces.

    Returns:
        float32 `[n, dim]`, in the order of `texts`.

    Raises:
        InputError: a text is not a string.
    """
    keys = [_key(text, row) for row, text in enumerate(texts)]
    place = Path(folder) / encoder.fingerprint() if folder is not None else None
    vectors = _load(place) if place else {}
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
    new, forward = list(missing), forward or traced(encoder, jit_compile, batch_size)
    for start in range(0, len(new), _SAVE_EVERY):
        part = new[start : start + _SAVE_EVERY]
        encoded = _encode(encoder, forward, [missing[key] for key in part], batch_size)
        if place:
            _save(place, part, encoded)
        vectors.update(zip(part, encoded, strict=True))
        if progress:
            progress(start + len(part), len(new))
    return np.stack([vectors[key] for key in keys]) if keys else np.zeros([0, encoder.dim], np.float32)


def _key(text: str, row: int) -> bytes:
    if not isinstance(text, str):
        raise InputError(f"Text {row} is {text!r}, not a string: fill in missing texts, say with ''.")
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=_KEY_BYTES).digest()


def traced(encoder, jit_compile: bool = False, batch_size: int = 32):
    """The encoder as a graph, of tokens `[batch_size, length]` of any length."""
    # One trace serves all lengths without XLA, which compiles each of them by itself.
    signature = None if jit_compile else [tf.TensorSpec([batch_size, None], tf.int32)]
    return tf.function(
        lambda tokens: tf.cast(encoder(tokens, training=False), tf.float32),
        input_signature=signature,
        jit_compile=jit_compile,
    )


def _encode(encoder, forward, texts: list[str], batch_size: int) -> np.ndarray:
    """Vectors `[n, dim]`, in batches of one size, of texts that are padded to the same length anyway."""
    tokens = encoder.tokenize(texts)
    lengths = (tokens != encoder.pad_id).sum(axis=1)
    widths = np.minimum(-(-lengths // _LENGTH_STEP) * _LENGTH_STEP, encoder.max_length)
    vectors = np.empty([len(texts), encoder.dim], np.float32)
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            # A batch that is not full repeats its rows: the shape stays, and with it the last bits.
            filled = tokens[np.resize(batch, batch_size), :width]
            vectors[batch] = forward(tf.constant(filled)).numpy()[: len(batch)]
    return vectors


def _save(place: Path, keys: list[bytes], vectors: np.ndarray) -> None:
    """One more file, named by the checksum of its content and of the encoder; it appears whole or not at all.

    So two processes that encode the same texts write the same file, and others side by side.
    """
    rows = np.empty(len(keys), [("key", f"V{_KEY_BYTES}"), ("vector", np.float32, vectors.shape[1:])])
    rows["key"], rows["vector"] = np.frombuffer(b"".join(keys), f"V{_KEY_BYTES}"), vectors
    content = io.BytesIO()
    np.save(content, rows)
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place, suffix=".part", delete=False) as file:
        file.write(content.getbuffer())
    content.seek(0)
    os.replace(file.name, place / f"{_checksum(place, content)}.npy")


def _checksum(place: Path, file) -> str:
    """Of a file's content and of the encoder whose folder it is in, so that a file of another encoder does not fit."""
    return hashlib.file_digest(file, lambda: hashlib.sha256(place.name.encode())).hexdigest()


def _load(place: Path) -> dict[bytes, np.ndarray]:
    """Vectors by key; they stay in their files, of which the system keeps in memory what is asked for."""
    vectors = {}
    for path in place.glob("*.npy"):
        try:
            with path.open("rb") as file:
                whole = _checksum(place, file) == path.stem
            rows = np.load(path, mmap_mode="r") if whole else None
        except FileNotFoundError:  # another process found it damaged
            continue
        if rows is None:
            log.warning("vectors in %s are damaged or of another encoder: deleted, their texts are encoded again", path)
            path.unlink(missing_ok=True)
            continue
        keys = rows["key"].tobytes()
        keys = [keys[at : at + _KEY_BYTES] for at in range(0, len(keys), _KEY_BYTES)]
        vectors.update(zip(keys, np.asarray(rows["vector"]), strict=True))
    return vectors
