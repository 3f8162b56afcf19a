"""Other wordings of a text, to learn from."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tfrec.errors import require

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Augmentation:
    """Texts whose words are left out, exchanged or misspelt, each word by itself (EDA, Wei and Zou, EMNLP 2019).

    A word is exchanged for one that stands in its place in another text that is otherwise the same, so that the
    catalogue says what its words may stand for: of `red apple juice` and `green apple juice`, red and green. A text
    keeps at least one word.

    Args:
        drop, exchange, misspell: shares of the words. A misspelt word has a letter more, less or another, or two of
            them in the wrong order.
        copies: wordings of a text, among which each step draws.
        seed: of what is drawn, with the text itself.

    Raises:
        InputError: a share is out of range, or all together are above 1, or there is no copy.
    """

    def __init__(
        self, drop: float = 0.1, exchange: float = 0.1, misspell: float = 0.05, copies: int = 4, seed: int = 0
    ) -> None:
        shares = f"drop={drop}, exchange={exchange}, misspell={misspell}"
        require(
            min(drop, exchange, misspell) >= 0 and drop + exchange + misspell <= 1,
            f"encoder.augmentation has {shares}: choose 0 or more, together up to 1.",
        )
        require(copies >= 1, f"encoder.augmentation.copies is {copies}: choose 1 or more.")
        self.drop, self.exchange, self.misspell, self.copies, self.seed = drop, exchange, misspell, copies, seed
        self._places: dict[tuple, set[str]] = defaultdict(set)  # words by the text around them

    def observe(self, texts: Sequence[str]) -> None:
        """Takes in which words may stand for one another."""
        for text in texts:
            words = text.split()
            for place, word in enumerate(words):
                self._places[(*words[:place], None, *words[place + 1 :])].add(word)

    def others(self, words: list[str], place: int) -> list[str]:
        """Words that may stand in the place of one of a text's."""
        return sorted(self._places[(*words[:place], None, *words[place + 1 :])] - {words[place]})

    def wordings(self, text: str) -> list[str]:
        """As many as there are copies; the same of the same text for as long as nothing is observed."""
        rng = np.random.default_rng([self.seed, *text.encode(errors="surrogatepass")])
        return [self._wording(text.split(), rng) for _ in range(self.copies)]

    def _wording(self, words: list[str], rng: np.random.Generator) -> str:
        found = []
        for place, word in enumerate(words):
            drawn = rng.random()
            if drawn < self.drop:
                continue
            if drawn < self.drop + self.exchange:
                others = self.others(words, place)
                word = others[rng.integers(len(others))] if others else word
            elif drawn < self.drop + self.exchange + self.misspell:
                word = misspelt(word, rng)
            found.append(word)
        if words and not found:
            found.append(words[rng.integers(len(words))])
        return " ".join(found)


def misspelt(word: str, rng: np.random.Generator) -> str:
    """A word with a letter more, less (unless it has one alone) or another, or two of them exchanged."""
    place, kind = int(rng.integers(len(word))), int(rng.integers(4))
    letter = LETTERS[rng.integers(len(LETTERS))]
    if kind == 0:
        return word[:place] + letter + word[place:]
    if kind == 1 and len(word) > 1:
        return word[:place] + word[place + 1 :]
    if kind == 2 and place + 1 < len(word):
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word[:place] + letter + word[place + 1 :]
