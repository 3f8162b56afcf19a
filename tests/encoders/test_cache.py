import logging
from pathlib import Path

import numpy as np
import pytest

from tfrec.encoders import cache
from tfrec.encoders.cache import encode_texts
from tfrec.encoders.presets import scratch
from tfrec.errors import InputError
from tfrec.folders import cache_folder

# 40 different texts of 1 to 40 letters, thus of 3 to 32 tokens (max_length cuts the rest).
TEXTS = ["x" * n for n in range(1, 41)]


@pytest.fixture(scope="module")
def encoder():
    return scratch()


class Counting:
    """The encoder, counting the texts that it is asked to encode."""

    def __init__(self, encoder):
        self.encoder, self.texts = encoder, []

    def __getattr__(self, name):
        return getattr(self.encoder, name)

    def __call__(self, tokens, training=None):
        assert training is False
        return self.encoder(tokens, training=training)

    def tokenize(self, texts):
        self.texts += texts
        return self.encoder.tokenize(texts)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_vectors_are_those_of_the_encoder_in_the_order_of_the_texts(encoder, jit_compile):
    texts = TEXTS[12:0:-2]  # padded to 4, 8, 12 and 16 tokens
    vectors = encode_texts(encoder, texts, None, jit_compile=jit_compile, batch_size=2)
    assert vectors.dtype == np.float32
    # The encoder pads to max_length, the cache less: the same but for rounding.
    np.testing.assert_allclose(vectors, encoder(encoder.tokenize(texts)), atol=1e-5)


def test_each_different_text_is_encoded_once(encoder, tmp_path):
    counting = Counting(encoder)
    first = encode_texts(counting, ["b", "a", "b", "c"], tmp_path)
    assert sorted(counting.texts) == ["a", "b", "c"]
    np.testing.assert_array_equal(first[0], first[2])
    again = encode_texts(counting, ["d", "c", "a"], tmp_path)
    assert counting.texts[3:] == ["d"]
    np.testing.assert_array_equal(again[1:], first[[3, 1]])


def test_a_vector_does_not_depend_on_its_company(encoder, tmp_path):
    together = encode_texts(encoder, TEXTS, None)
    encode_texts(encoder, TEXTS[::3], tmp_path)
    np.testing.assert_array_equal(encode_texts(encoder, TEXTS, tmp_path), together)
    for row in (0, 17, 39):
        np.testing.assert_array_equal(encode_texts(encoder, TEXTS[row : row + 1], None)[0], together[row])


def test_other_weights_share_no_vectors(encoder, tmp_path):
    other = scratch(seed=1)
    first, second = (encode_texts(each, TEXTS[:2], tmp_path) for each in (encoder, other))
    assert not np.allclose(first, second)
    assert {path.name for path in tmp_path.iterdir()} == {encoder.fingerprint(), other.fingerprint()}


def test_a_file_of_another_encoder_is_noticed(encoder, tmp_path, caplog):
    """Whole, but in a folder where it does not belong."""
    encode_texts(scratch(seed=1), TEXTS, tmp_path)
    (path,) = tmp_path.rglob("*.npy")
    place = tmp_path / encoder.fingerprint()
    place.mkdir()
    path.rename(place / path.name)
    with caplog.at_level(logging.WARNING):
        vectors = encode_texts(encoder, TEXTS, tmp_path)
    np.testing.assert_array_equal(vectors, encode_texts(encoder, TEXTS, None))
    assert f"{place / path.name} are damaged or of another encoder" in caplog.text


def test_mixed_precision_encoder_yields_float32(tmp_path):
    vectors = encode_texts(scratch(dtype="mixed_bfloat16"), TEXTS[:2], tmp_path)
    assert vectors.dtype == np.float32


@pytest.mark.parametrize("damage", [lambda content: content[:-100], lambda content: content[:-1] + b"?"])
def test_damaged_file_is_noticed_and_made_again(encoder, tmp_path, caplog, damage):
    whole = encode_texts(encoder, TEXTS, tmp_path)
    (path,) = tmp_path.rglob("*.npy")
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(encode_texts(encoder, TEXTS, tmp_path), whole)
    assert str(path) in caplog.text
    caplog.clear()
    counting = Counting(encoder)
    np.testing.assert_array_equal(encode_texts(counting, TEXTS, tmp_path), whole)
    assert not counting.texts and not caplog.text


def test_what_was_encoded_before_a_kill_is_kept(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_SAVE_EVERY", 16)
    seen = []

    def killed_after_two(done, total):
        seen.append((done, total))
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_texts(encoder, TEXTS, tmp_path, progress=killed_after_two)
    counting = Counting(encoder)
    vectors = encode_texts(counting, TEXTS, tmp_path, progress=lambda *counts: seen.append(counts))
    assert seen == [(16, 40), (32, 40), (8, 8)]
    assert counting.texts == TEXTS[32:]
    np.testing.assert_array_equal(vectors, encode_texts(encoder, TEXTS, None))


def test_a_half_written_file_is_never_read(encoder, tmp_path, monkeypatch):
    def no_space(source, target):
        raise OSError("no space left")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="no space"):
        broken.setattr(cache.os, "replace", no_space)
        encode_texts(encoder, TEXTS, tmp_path)
    counting = Counting(encoder)
    encode_texts(counting, TEXTS, tmp_path)
    assert counting.texts == TEXTS


def test_no_texts_and_odd_texts(encoder, tmp_path):
    assert encode_texts(encoder, [], tmp_path).shape == (0, encoder.dim)
    vectors = encode_texts(encoder, ["", "привет", "a\nb"], tmp_path)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    with pytest.raises(InputError, match="Text 1 is nan"):
        encode_texts(encoder, ["a", float("nan")], tmp_path)


def test_cache_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("TFREC_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TFREC_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == Path(tmp_path, ".cache", "tfrec")


def test_a_file_that_another_process_has_deleted_is_passed_over(tmp_path):
    encoder = scratch()
    vectors = encode_texts(encoder, TEXTS, tmp_path)
    (tmp_path / encoder.fingerprint() / "gone.npy").symlink_to(tmp_path / "nowhere")
    np.testing.assert_array_equal(encode_texts(encoder, TEXTS, tmp_path), vectors)
