import numpy as np
import pytest

from tfrec.encoders.augmentation import Augmentation, misspelt
from tfrec.encoders.presets import scratch
from tfrec.errors import InputError
from tfrec.layers.trained_text import TrainedText
from tfrec.peft.full import Full

TEXTS = ["red apple juice", "green apple juice", "red apple pie", "sugar"]


def only(**options):
    return Augmentation(**{"drop": 0.0, "exchange": 0.0, "misspell": 0.0, "copies": 2000} | options)


def test_words_that_may_stand_for_one_another_are_those_of_texts_that_differ_in_one():
    augmentation = only()
    augmentation.observe(TEXTS)
    words = "red apple juice".split()
    assert [augmentation.others(words, place) for place in range(3)] == [["green"], [], ["pie"]]
    assert augmentation.others(["sugar"], 0) == []


def test_words_are_exchanged_for_these_alone():
    augmentation = only(exchange=0.5)
    augmentation.observe(TEXTS)
    found, counts = np.unique(augmentation.wordings("red apple juice"), return_counts=True)
    assert set(found) == {"red apple juice", "green apple juice", "red apple pie", "green apple pie"}
    np.testing.assert_allclose(counts / 2000, 0.25, atol=0.04)  # two words, each exchanged in one of two


def test_words_are_left_out_as_often_as_said_but_for_one():
    """Of two words with a share of 0.5: both stay in 1 of 4; one alone in 3 of 4, each as often."""
    found, counts = np.unique(only(drop=0.5).wordings("apple pie"), return_counts=True)
    assert found.tolist() == ["apple", "apple pie", "pie"]
    np.testing.assert_allclose(counts / 2000, [0.375, 0.25, 0.375], atol=0.04)


def test_a_misspelt_word_is_one_slip_away():
    rng = np.random.default_rng(0)
    lengths = set()
    for _ in range(500):
        word = misspelt("apple", rng)
        lengths.add(len(word))
        if len(word) == 5:
            places = [n for n in range(5) if word[n] != "apple"[n]]
            swapped = len(places) == 2 and word[places[0]] == "apple"[places[1]] and places[1] == places[0] + 1
            assert len(places) <= 1 or swapped
    assert lengths == {4, 5, 6}
    assert all(misspelt("a", rng) for _ in range(50))


def test_the_same_text_has_the_same_wordings_and_no_text_none():
    one, two = (Augmentation(seed=3) for _ in range(2))
    assert one.wordings("red apple juice") == two.wordings("red apple juice")
    assert Augmentation(seed=4, copies=50).wordings(TEXTS[0]) != Augmentation(seed=5, copies=50).wordings(TEXTS[0])
    assert one.wordings("") == ["", "", "", ""]


def test_learning_draws_wordings_and_scores_do_not():
    """With every letter left out but one word, a wording is one of the words, each about as often."""
    augmentation = Augmentation(drop=1.0, exchange=0.0, misspell=0.0, copies=64)
    text = TrainedText(scratch(dropout=0.0, peft=Full(), augmentation=augmentation))
    text.add(["ab"])
    text.add(["cd ef", "gh"])
    rows = np.full(200, 1)
    plain = text.encoder(["ab", "cd ef", "gh", "cd", "ef"]).numpy()
    np.testing.assert_allclose(text(np.arange(3)), plain[:3], atol=1e-6)
    drawn = [text(rows, training=True).numpy() for _ in range(2)]
    near = np.abs(drawn[0][:, None] - plain[None]).max(-1).argmin(1)
    assert set(near) == {3, 4} and 60 < (near == 3).sum() < 140
    assert not np.array_equal(*drawn)
    np.testing.assert_allclose(text(np.array([2, 2]), training=True), plain[[2, 2]], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": -0.1}, "encoder.augmentation has drop=-0.1"),
        ({"drop": 0.6, "exchange": 0.5}, "choose 0 or more, together up to 1"),
        ({"copies": 0}, "encoder.augmentation.copies is 0"),
    ],
)
def test_errors_say_what_to_do(options, message):
    with pytest.raises(InputError, match=message):
        Augmentation(**options)
