"""Vectors of texts, encoded once and kept on disk for as long as the encoder stays the same."""

import hashlib
import io
import logging
import os
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfrec.errors import InputError

_log = logging.getLogger(__name__)

# Encoding that is killed loses at most this many texts.
_SAVE_EVERY = 4096
# Lengths that batches are padded to, in tokens: wider steps pad more, narrower ones compile more under XLA.
_LENGTH_STEP = 4
_KEY_BYTES = 16


def cache_folder():
    """Where tfrec keeps what can be made again: `$TFREC_CACHE`, or `~/.cache/tfrec`."""
    return Path(os.environ.get("TFREC_CACHE") or Path.home() / ".cache" / "tfrec")


def encode_texts(encoder, texts, folder, progress=None, jit_compile=False, batch_size=128):
    """Vectors of texts in inference mode, each different text encoded once.

    Args:
        encoder: TextEncoder; its fingerprint names the subfolder, so other weights never share vectors.
        texts: `n` strings.
        folder: where vectors are kept between calls, or None to keep none (an encoder that trains).
        progress: called as `progress(texts_done, texts_to_encode)` after every batch.
        jit_compile: XLA. It pays on a GPU, or for many texts: every padded length is compiled once a call.
        batch_size: texts encoded together.

    Returns:
        float32 `[n, dim]`, in the order of `texts`.

    Raises:
        InputError: a text is not a string.
    """
    keys = [_key(text, row) for row, text in enumerate(texts)]
    place = Path(folder) / encoder.fingerprint() if folder is not None else None
    vectors = _load(place) if place else {}
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
    done, pending = 0, {}
    for batch in _encode(encoder, missing, jit_compile, batch_size):
        pending.update(batch)
        vectors.update(batch)
        done += len(batch)
        if progress:
            progress(done, len(missing))
        if place and len(pending) >= _SAVE_EVERY:
            _save(place, pending)
            pending = {}
    if place and pending:
        _save(place, pending)
    return np.stack([vectors[key] for key in keys]) if keys else np.zeros([0, encoder.dim], np.float32)


def _key(text, row):
    if not isinstance(text, str):
        raise InputError(
            f"Text {row} is {text!r}, not a string: fill in missing texts, for instance with ''."
        )
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=_KEY_BYTES).digest()


def _encode(encoder, missing, jit_compile, batch_size):
    """Yields `{key: vector}` a batch, short texts first, so that a batch holds texts of about one length."""
    keys, tokens = list(missing), encoder.tokenize(list(missing.values()))
    lengths = (tokens != encoder.pad_id).sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    # Without XLA one trace of open shape serves all batches; XLA compiles each fixed shape.
    shape = None if jit_compile else [tf.TensorSpec([None, None], tf.int32)]
    forward = tf.function(
        lambda tokens: encoder(tokens, training=False), input_signature=shape, jit_compile=jit_compile
    )
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        width = min(-(-lengths[rows[-1]] // _LENGTH_STEP) * _LENGTH_STEP, encoder.max_length)
        # The last batch is filled up with its own rows, for the sake of the fixed shape.
        filled = np.resize(rows, batch_size) if jit_compile else rows
        vectors = tf.cast(forward(tf.constant(tokens[filled, :width])), tf.float32).numpy()
        yield {keys[row]: vector for row, vector in zip(rows, vectors, strict=False)}


def _save(place, vectors):
    """One more file, named after the checksum of its content; it appears whole or not at all."""
    content = io.BytesIO()
    keys = np.frombuffer(b"".join(vectors), np.uint8).reshape(-1, _KEY_BYTES)
    np.savez(content, keys=keys, vectors=np.stack(list(vectors.values())))
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place, suffix=".part", delete=False) as file:
        file.write(content.getbuffer())
    os.replace(file.name, place / f"{hashlib.sha256(content.getbuffer()).hexdigest()}.npz")


def _load(place):
    vectors = {}
    for path in place.glob("*.npz"):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != path.stem:
            _log.warning("Damaged vectors in %s: deleted, and their texts are encoded again.", path)
            path.unlink(missing_ok=True)
            continue
        arrays = np.load(io.BytesIO(content))
        keys = arrays["keys"].tobytes()
        keys = [keys[at : at + _KEY_BYTES] for at in range(0, len(keys), _KEY_BYTES)]
        vectors.update(zip(keys, arrays["vectors"], strict=True))
    return vectors
