"""What is known of users and of all of the catalogue within a category: one product may stand in for another."""

import numpy as np

from tfrec.ranking.purchases import Purchases, at, gap, ratio, recency

WINDOWS = (1, 4)
DECAYS = (0.8, 0.93)


class Kinds:
    """Features of pairs within one category column, by its code for each item.

    Of user u, item i and its category c, all of before period t; never bought: what is in brackets.

    - `count` periods in which u bought of c; `items` different ones; `decayed_d` `sum d ** (t - 1 - s)` of purchases;
      `gap` mean gap between those periods (0); `due` periods since the last / gap (0).
    - `own_share` purchases of i / of c, by u, and `own_share_d`, decayed (0); `newest` whether i was bought when c was
      last (1, also if both never were).
    - `popular_w` purchases of c in the last w periods by thousand active users, `within_w` share of i in them (0);
      `buyers` users who ever bought of c; `repeats` purchases / buyers; `all_gap` mean gap over all users; `all_due`
      periods since u's last / all_gap (0, as for never).

    Args:
        purchases: of all users. codes: `[items]`, the category of each.
        active: number of (user, period) with a purchase in the last w periods, for each of `WINDOWS`.
    """

    names = (
        *("count", "items", "decayed_80", "decayed_93", "gap", "due", "own_share", "own_share_80", "own_share_93"),
        *("newest", "popular_1", "within_1", "popular_4", "within_4", "buyers", "repeats", "all_gap", "all_due"),
    )

    def __init__(self, purchases: Purchases, codes: np.ndarray, width: int, active: list[int]) -> None:
        self.purchases, self.codes, self.width, self.active = purchases, codes, width, active
        self.size = codes.max(initial=0) + 1
        code = codes[purchases.items]
        keys = purchases.users * self.size + code
        self.bought = purchases.grouped(keys, DECAYS)
        self.own = purchases.grouped(purchases.users * width + purchases.items, DECAYS)
        periods = np.unique(keys * (purchases.now + 1) + purchases.periods) // (purchases.now + 1)
        self.periods = np.unique(periods, return_counts=True)[1]  # of each group of `bought`
        different = np.unique(keys * width + purchases.items) // width
        self.different = np.unique(different, return_counts=True)[1]

    def __call__(self, users: np.ndarray, items: np.ndarray) -> list[np.ndarray]:
        """The columns `names` of pairs, `[n]` each, float32."""
        code = self.codes[items]
        place, own = self.bought.find(users * self.size + code), self.own.find(users * self.width + items)
        since, gaps = recency(self.purchases.now, self.bought, place), at(gap(self.bought, self.periods), place)
        count = at(self.bought.count, place)
        decayed = [at(values, place) for values in self.bought.decayed]
        of_own = [at(values, own) for values in (self.own.count, *self.own.decayed)]
        shares = [ratio(part, whole) for part, whole in zip(of_own, (count, *decayed), strict=True)]
        newest = (recency(self.purchases.now, self.own, own) == since).astype(np.float32)
        known = [at(self.periods, place), at(self.different, place), *decayed, gaps, ratio(since, gaps)]
        return [*known, *shares, newest, *self._popular(items, code), *self._of_all(code, place, since)]

    def _popular(self, items: np.ndarray, code: np.ndarray) -> list[np.ndarray]:
        columns = []
        for window, active in zip(WINDOWS, self.active, strict=True):
            recent = self.purchases.items[self.purchases.periods >= self.purchases.now - window]
            counts = np.bincount(recent, minlength=len(self.codes))
            of_code = np.bincount(self.codes, counts, self.size)
            columns += [(1000 / max(1, active) * of_code).astype(np.float32)[code]]
            columns += [ratio(counts, of_code[self.codes])[items]]
        return columns

    def _of_all(self, code: np.ndarray, place: np.ndarray, since: np.ndarray) -> list[np.ndarray]:
        of_code = self.bought.keys % self.size
        buyers = np.bincount(of_code, minlength=self.size)
        repeats = ratio(np.bincount(of_code, self.bought.count, self.size), buyers)
        spans = np.bincount(of_code, self.bought.last - self.bought.first, self.size)
        gaps = ratio(spans, np.bincount(of_code, self.periods - 1, self.size))
        due = ratio(np.where(place < 0, 0, since), gaps[code])
        return [buyers.astype(np.float32)[code], repeats[code], gaps[code], due]
