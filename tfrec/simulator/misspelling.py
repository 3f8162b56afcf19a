"""Typing errors: a letter too many, one missing, a neighbouring key, two letters in the wrong order."""

import string

import numpy as np

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
SHORTEST = 3  # letters of a word that may be misspelled


def _neighbours() -> dict[str, str]:
    """Keys beside and diagonally above or below each letter of a QWERTY keyboard, whose rows are shifted by half."""
    place = {letter: (x + 0.5 * y, y) for y, row in enumerate(ROWS) for x, letter in enumerate(row)}
    return {
        a: "".join(b for b, (u, v) in place.items() if a != b and abs(u - x) <= 1 and abs(v - y) <= 1)
        for a, (x, y) in place.items()
    }


NEIGHBOURS = _neighbours()


def eligible(word: str) -> bool:
    """Whether a word may be misspelled: letters only, at least three."""
    return len(word) >= SHORTEST and all(letter in NEIGHBOURS for letter in word)


def misspelled(word: str, rng: np.random.Generator) -> str:
    """The word with one error, of one of the four kinds with equal probability; never the word itself."""
    kind, place, pick = rng.integers(4), rng.integers(len(word)), rng.random()
    if kind == 0:
        letter = string.ascii_lowercase[int(pick * 26)]
        return word[:place] + letter + word[place:]
    if kind == 1:
        return word[:place] + word[place + 1 :]
    if kind == 2:
        different = [k for k in range(len(word) - 1) if word[k] != word[k + 1]]
        if different:  # "ooo" has none: it gets a neighbouring key instead
            k = different[int(pick * len(different))]
            return word[:k] + word[k + 1] + word[k] + word[k + 2 :]
    near = NEIGHBOURS[word[place]]
    return word[:place] + near[int(pick * len(near))] + word[place + 1 :]
