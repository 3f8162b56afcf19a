"""What users bought before, as lists of pairs: what they may buy again."""

import numpy as np
import pandas as pd

from tfrec.data.features import heaviest
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.spool import Spool
from tfrec.ranking.features import USER, PairFeatures
from tfrec.ranking.list_features import squashed
from tfrec.ranking.moments import Moments

DECAY = 0.98  # of the frequency that says which items of a user are kept


class OwnLists:
    """The own items of each request with their `PairFeatures`, as of before its period, and who asks in numbers.

    A list is large and learned a few times, so an example carries no more than its number, `repeat/request`, and the
    lists are on disk, where a batch finds those that it learns. Numbers are squashed as `ListFeatures` does, and
    standardised by what was learned from so far.

    Args:
        own: items of a list, the most frequent ones first (decay 0.98).
        window: periods of the popularity of items. fade: what a purchase keeps of its weight there from one period to
            the next.

    Attributes: `popularity`, `[items]`, `sum over the last window periods s < t of purchases * fade ** (t - 1 - s)` as
    of the last `observe`; `columns`, how many
    features a pair has, 0 before that.
    """

    def __init__(self, own: int, window: int, fade: float = 1.0) -> None:
        self.own, self.window, self.fade = own, window, fade
        self.popularity, self.columns = np.zeros(0, np.float32), 0
        self.pair_moments, self.user_moments = Moments(), Moments()
        self._items: pd.DataFrame | None = None
        self._lists, self._learned = Spool(), Spool()
        self._made: tuple[tuple, dict] | None = None

    def begin(self, items: pd.DataFrame) -> None:
        """Takes the item table as it is before the first event."""
        self._items = items

    def observe(self, history: History, items: pd.DataFrame) -> None:
        """Takes the item table, and what is popular, as of now."""
        self._items, self._made = items, None
        ages = range(min(self.window, len(history)))
        counts = [self.fade**age * history.popularity(1, history.last_period - age) for age in ages]
        self.popularity = np.sum(counts, axis=0, dtype=np.float32) if counts else np.zeros(0, np.float32)
        self.columns = self.columns or len(PairFeatures(history, items).names)

    def past(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """What was known before a period, `[n, ...]`: `repeat/user`, numbers of `USER`, and of own items, in the order
        of rows and padding behind them, `repeat/item` `[n, own]`, `repeat/pairs` `[n, own, F]`, `repeat/size` `[n]`.
        """
        users, place = np.unique(requests.users, return_inverse=True)
        key = history.digest, users.tobytes()  # the same is asked for twice: to score a period, and to learn it
        if self._made is None or self._made[0] != key:
            self._made = key, self._of(history, users)
        return {name: values[place] for name, values in self._made[1].items()}

    def _of(self, history: History, users: np.ndarray) -> dict[str, np.ndarray]:
        items, weights = heaviest(history.own(users, DECAY), self.own)
        there, of_pairs = weights > 0, PairFeatures(history, self._items)
        pairs = np.zeros((*items.shape, len(of_pairs.names)), np.float32)
        pairs[there] = squashed(of_pairs(np.repeat(users, there.sum(axis=1)), items[there]))
        size = there.sum(axis=1).astype(np.int32)
        first = of_pairs.names.index(USER[0])
        who = pairs[:, :1, first : first + len(USER)].reshape(len(users), -1)  # 0 for who never bought
        return {"repeat/user": who, "repeat/item": items, "repeat/pairs": pairs, "repeat/size": size}

    def examples(self, pairs: dict, queries: dict) -> tuple[dict, dict]:
        """Each event with whether it is no repeat, and each request with the number of its list; see `StreamModel`."""
        item, known, size = (queries.pop(f"repeat/{name}") for name in ("item", "pairs", "size"))
        width = 1 + max(item.max(initial=0), pairs["item"].max(initial=0))
        there = np.arange(item.shape[1]) < size[:, None]
        own = np.arange(len(item), dtype=np.int64)[:, None] * width + item
        bought = pairs["query"].astype(np.int64) * width + pairs["item"]
        label = np.isin(own, bought) & there
        self.pair_moments.observe(known[label.any(axis=1)[:, None] & there])
        self.user_moments.observe(queries["repeat/user"][size > 0])
        number = np.arange(len(self._lists), len(self._lists) + len(item), dtype=np.int32)
        for row, n in enumerate(size):
            learned = n if label[row].any() else 0
            self._lists.append({"item": item[row, :n]})
            self._learned.append({"pairs": known[row, :learned].astype(np.float16), "label": label[row, :learned]})
        novel = ~np.isin(bought, own[there])
        return pairs | {"label/repeat/novel": novel.astype(np.float32)}, queries | {"repeat/request": number}

    def learned(self, requests: np.ndarray) -> dict[str, np.ndarray]:
        """The lists of requests by their numbers `[k]`, standardised: `repeat/pairs` `[k, own, F]`; `repeat/label` and
        `repeat/mask`, which were bought and which are no padding, `[k, own]`.
        """
        pairs = np.zeros((len(requests), self.own, self.columns), np.float32)
        label, mask = np.zeros((2, len(requests), self.own), np.float32)
        for row, request in enumerate(requests):
            kept = self._learned[request]
            size = len(kept["label"])
            pairs[row, :size] = self.pair_moments(kept["pairs"].astype(np.float32))
            label[row, :size], mask[row, :size] = kept["label"], 1
        return {"repeat/pairs": pairs, "repeat/label": label, "repeat/mask": mask}

    def columns_of(self, requests: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Places of requests' own items among different `items` `[c]`, int32 `[n, own]`; -1: padding, or not there."""
        different, row = np.unique(requests, return_inverse=True)
        lists = [self._lists[request]["item"] for request in different]
        own = np.full((len(lists), self.own), -1)
        own[np.arange(self.own) < np.array([len(one) for one in lists])[:, None]] = np.concatenate(lists)
        place = np.full(2 + max(items.max(initial=0), own.max(initial=0)), -1, np.int32)  # the last one is for -1
        place[items] = np.arange(len(items))
        return place[own][row]
