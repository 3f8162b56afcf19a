"""What is known of (user, item) pairs before a period, as one dense matrix."""

import numpy as np
import pandas as pd

from tfrec.data.catalogue import categories
from tfrec.data.history import History
from tfrec.ranking.kinds import WINDOWS, Kinds
from tfrec.ranking.purchases import Purchases, at, gap, ratio, recency

DECAYS = (0.8, 0.93, 0.98)
OWN = (
    *("own_count", "own_decayed_80", "own_decayed_93", "own_decayed_98", "own_recency", "own_age", "own_gap"),
    *("own_due", "own_idle", "own_rate"),
)
USER = ("user_active", "user_items", "user_basket", "user_recency", "user_repeats")
ITEM = (
    *("item_share_1", "item_share_4", "item_share_13", "item_trend", "item_age", "item_buyers", "item_repeats"),
    *("item_gap", "item_due"),
)
QUANTITY = {"own_quantity": None, "own_quantity_1": 1, "own_quantity_4": 4}  # periods that count; None: a mean of all
CATEGORY = ("share", "recency")


class PairFeatures:
    """Features of pairs as of the end of a history, all counted in periods.

    With n purchases of item i by user u in periods s_1 < ... < s_n, all before t; never bought: what is in brackets.

    - `own_count` n; `own_decayed_d` `sum d ** (t - 1 - s)`; `own_recency` `t - s_n` (t + 1); `own_age` `t - s_1` (0);
      `own_gap` `(s_n - s_1) / (n - 1)` (0, as for n = 1); `own_due` recency / gap, replenishment (0); `own_idle`
      periods since s_n in which u bought anything (all of them); `own_rate` n / active periods from s_1 on (0).
    - `user_active` periods with a purchase; `user_items` different items; `user_basket` purchases / active periods;
      `user_recency` as above of anything; `user_repeats` share of purchases that were repeats.
    - `item_share_w` purchases of the last w periods by thousand active users; `item_trend` `share_1 / share_4`
      (smoothed by one purchase); `item_age` periods since the first; `item_buyers`; `item_repeats` purchases / buyers;
      `item_gap` mean gap over all users; `item_due` own recency / item_gap (0).
    - where events have a `quantity`, `own_quantity` its mean over purchases, `own_quantity_w` its sum over the last w
      periods (0).
    - of each category column of the item table, `<column>_share`: decayed (0.98) purchases of u in i's category / all
      of u's; `<column>_recency`, as above. Of the finest one, with the most values, also what `Kinds` counts.

    Args:
        history: knows the periods before t, and no other.
        items: the item table; each of its text columns but `text` is a category. None for no categories.
    """

    def __init__(self, history: History, items: pd.DataFrame | None = None) -> None:
        self.history, self.now, self.width = history, len(history), max(1, len(history.items))
        self.purchases = Purchases.of(history)
        users, self._items = self.purchases.users, self.purchases.items
        self.own = self.purchases.grouped(users * self.width + self._items, DECAYS)
        self.user = self.purchases.grouped(users, DECAYS[-1:])
        self.item = self.purchases.grouped(self._items)
        self.active = np.unique(users * (self.now + 1) + self.purchases.periods)
        table = pd.DataFrame() if items is None else items.loc[history.items.ids]
        codes = {c: pd.factorize(table[c], use_na_sentinel=False)[0] for c in categories(table)}
        self.codes = {column: values.astype(np.int64) for column, values in codes.items()}
        finest = max(self.codes, key=lambda column: table[column].nunique(), default=None)
        self._of_finest = [] if finest is None else [f"{finest}_{name}" for name in Kinds.names]
        if finest is not None:
            active = [history.active_users(window) for window in WINDOWS]
            self.kinds = Kinds(self.purchases, self.codes[finest], self.width, active)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        of_categories = *(f"{c}_{name}" for c in self.codes for name in CATEGORY), *self._of_finest
        quantity = () if self.purchases.quantities is None else tuple(QUANTITY)
        return *OWN, *USER, *ITEM, *quantity, *of_categories

    def __call__(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Features of the pairs, `[n, len(names)]`, float32 and finite.

        Args:
            users: `[n]` rows, -1 for a user never seen. items: `[n]` rows.
        """
        users, items = users.astype(np.int64), items.astype(np.int64)
        own = self._own(users, items)
        columns = [*own, *self._of_users(users), *self._of_items(items, own[OWN.index("own_recency")])]
        if self.purchases.quantities is not None:
            columns += self._quantities(users, items)
        for codes in self.codes.values():
            columns += self._of_category(users, items, codes)
        if self._of_finest:
            columns += self.kinds(users, items)
        return np.stack(columns, axis=1)

    def _own(self, users: np.ndarray, items: np.ndarray) -> list[np.ndarray]:
        own = self.own
        place = own.find(users * self.width + items)
        since, gaps = recency(self.now, own, place), at(gap(own), place)
        # Periods are counted per user by place in the sorted list of (user, active period).
        stop = np.searchsorted(self.active, (users + 1) * (self.now + 1))
        begin = users * (self.now + 1)
        idle = stop - np.searchsorted(self.active, begin + at(own.last, place, -1).astype(np.int64), side="right")
        span = stop - np.searchsorted(self.active, begin + at(own.first, place).astype(np.int64))
        count = at(own.count, place)
        decayed = [at(values, place) for values in own.decayed]
        rate = ratio(count, span.astype(np.float32))
        age = at(self.now - own.first, place)
        return [count, *decayed, since, age, gaps, ratio(since, gaps), idle.astype(np.float32), rate]

    def _of_users(self, users: np.ndarray) -> list[np.ndarray]:
        user = self.user
        place = user.find(users)
        active = np.bincount(self.active // (self.now + 1))[user.keys]
        different = np.bincount(self.own.keys // self.width)[user.keys]
        columns = [active, different, ratio(user.count, active)]
        repeats = 1 - ratio(different, user.count)
        return [*(at(c, place) for c in columns), recency(self.now, user, place), at(repeats, place)]

    def _of_items(self, items: np.ndarray, own_recency: np.ndarray) -> list[np.ndarray]:
        """Every row of the catalogue has a purchase, so groups are rows."""
        item, own, history = self.item, self.own, self.history
        counts = [history.popularity(window) for window in (1, 4, 13)]
        actives = [max(1, history.active_users(window)) for window in (1, 4, 13)]
        shares = [1000 * count / active for count, active in zip(counts, actives, strict=True)]
        one = 1000 / actives[0]
        trend = (shares[0] + one) / (shares[1] + one)
        row = own.keys % self.width
        buyers = np.bincount(row, minlength=len(item.keys))
        gaps = np.bincount(row, own.last - own.first, len(item.keys))
        mean_gap = ratio(gaps, np.bincount(row, own.count - 1, len(item.keys)))
        columns = [*shares, trend, self.now - item.first, buyers, ratio(item.count, buyers), mean_gap]
        found = [np.asarray(column, np.float32)[items] for column in columns]
        return [*found, ratio(np.where(own_recency > self.now, 0, own_recency), found[-1])]

    def _quantities(self, users: np.ndarray, items: np.ndarray) -> list[np.ndarray]:
        purchases, columns = self.purchases, []
        place = self.own.find(users * self.width + items)
        keys = purchases.users * self.width + purchases.items
        for window in QUANTITY.values():
            recent = purchases.periods >= (0 if window is None else self.now - window)
            row = np.searchsorted(self.own.keys, keys[recent])
            total = np.bincount(row, purchases.quantities[recent], len(self.own.keys))
            columns.append(at(ratio(total, self.own.count) if window is None else total, place))
        return columns

    def _of_category(self, users: np.ndarray, items: np.ndarray, codes: np.ndarray) -> list[np.ndarray]:
        width = codes.max(initial=0) + 1
        group = self.purchases.grouped(self.purchases.users * width + codes[self._items], DECAYS[-1:])
        place = group.find(users * width + codes[items])
        total = at(self.user.decayed[0], self.user.find(users))
        return [ratio(at(group.decayed[0], place), total), recency(self.now, group, place)]
