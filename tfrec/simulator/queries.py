"""Search queries: some words of some attributes of the item that the user has in mind."""

from collections.abc import Mapping

import numpy as np

from tfrec.errors import require
from tfrec.simulator.draws import generator
from tfrec.simulator.misspelling import eligible, misspelled
from tfrec.simulator.wording import words

ATTRIBUTES = ("type", "category", "brand", "size")
NAMED = {"type": 0.9, "category": 0.25, "brand": 0.3, "size": 0.2}


class Queries:
    """Writes queries from an intended item.

    Each attribute of `ATTRIBUTES` is named with its probability (the type, where none is), if it has words at all;
    of a named type or category each word is kept with probability `keep` (the first, where none is), a brand or size
    is written in full. The words are in that order, or, in `shuffled` of the queries, in any.

    Args:
        search_share: share of the requests that carry a query.
        named: probability of each attribute.
        misspelling: probability that a word is misspelled, of words of three or more letters.
        considered: the intended item is the one that the user likes best of so many drawn evenly from those that
            there are, up to Gumbel noise (a logit choice).
    """

    def __init__(
        self,
        search_share: float = 0.4,
        named: Mapping[str, float] = NAMED,
        keep: float = 0.8,
        shuffled: float = 0.3,
        misspelling: float = 0.1,
        considered: int = 20,
    ) -> None:
        require(set(named) == set(NAMED), f"queries.named has {', '.join(named)}: give exactly {', '.join(NAMED)}.")
        shares = {"search_share": search_share, "keep": keep, "shuffled": shuffled, "misspelling": misspelling}
        for key, value in (shares | {f"named.{key}": value for key, value in named.items()}).items():
            require(0 <= value <= 1, f"queries.{key} is {value}: choose a probability from 0 to 1.")
        require(
            isinstance(considered, int) and considered >= 1, f"queries.considered is {considered}: choose 1 or more."
        )
        self.search_share, self.named, self.keep, self.shuffled = search_share, dict(named), keep, shuffled
        self.misspelling, self.considered = misspelling, considered

    def searching(self, requests: int, seed: int, t: int) -> np.ndarray:
        """Whether each request of period t is a search, `[requests]`."""
        return generator(seed, "searching", t).random(requests) < self.search_share

    def intended(self, liking, available: np.ndarray, n: int, seed: int, t: int) -> np.ndarray:
        """Rows of the items that `n` searches have in mind, `[n]`.

        Args:
            liking: from items `[n, considered]` to how much each searching user likes them, the same shape.
            available: rows of the items that there are.
        """
        rng = generator(seed, "intended", t)
        choices = available[rng.integers(0, len(available), (n, self.considered))]
        best = (liking(choices) + rng.gumbel(size=choices.shape)).argmax(1)
        return choices[np.arange(n), best]

    def asked(self, codes: np.ndarray, values: dict[str, np.ndarray], seed: int, t: int) -> np.ndarray:
        """Which attributes each query names, `[n, 4]`, from the intended items' `codes`, `[4, n]`."""
        chances = [self.named[name] for name in ATTRIBUTES]
        asked = generator(seed, "named attributes", t).random((codes.shape[1], 4)) < chances
        for k, name in enumerate(ATTRIBUTES):
            has = np.array([bool(words(value)) for value in values[name]], bool)
            asked[:, k] &= has[codes[k]]
        asked[~asked.any(1), 0] = True
        return asked

    def written(self, asked: np.ndarray, codes: np.ndarray, values: dict, seed: int, t: int) -> list[str]:
        """The queries as typed; `asked` and `codes` as above."""
        rng = generator(seed, "words of queries", t)
        known = [[words(value) for value in values[name]] for name in ATTRIBUTES]
        longest = max(len(entry) for attribute in known for entry in attribute)
        kept = rng.random((len(asked), 2, longest)) < self.keep
        order = rng.random((len(asked), 4 * longest))
        shuffled = rng.random(len(asked)) < self.shuffled
        typed = []
        for n in range(len(asked)):  # strings are joined one by one; all that is drawn is drawn at once
            parts = []
            for k in np.flatnonzero(asked[n]):
                whole = known[k][codes[k, n]]
                some = [word for word, keep in zip(whole, kept[n, k], strict=False) if keep] if k < 2 else whole
                parts += some or whole[:1]
            query = list(dict.fromkeys(parts))
            if shuffled[n]:
                query = [query[k] for k in np.argsort(order[n, : len(query)])]
            typed.append(query)
        return self._misspelled(typed, seed, t)

    def _misspelled(self, typed: list[list[str]], seed: int, t: int) -> list[str]:
        rng = generator(seed, "misspelling", t)
        wrong = rng.random(sum(map(len, typed))) < self.misspelling
        place = 0
        for query in typed:
            for k in range(len(query)):
                if wrong[place] and eligible(query[k]):
                    query[k] = misspelled(query[k], rng)
                place += 1
        return [" ".join(query) for query in typed]
