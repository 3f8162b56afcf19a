"""One seeded world: who comes in a period, what they want, and how they would answer to each item."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec.errors import require
from tfrec.simulator.catalogue import Catalogue
from tfrec.simulator.draws import generator
from tfrec.simulator.feedback import Feedback, span
from tfrec.simulator.market import Markets
from tfrec.simulator.policy import Softmax
from tfrec.simulator.prices import Prices
from tfrec.simulator.queries import ATTRIBUTES, Queries
from tfrec.simulator.tastes import Tastes
from tfrec.simulator.visits import Visits
from tfrec.simulator.wording import Rewriting

SLATES = 10**9  # slate r of period t has the number t * SLATES + r in the log
YEAR = pd.Timedelta("365.25D")


@dataclass(frozen=True)
class Requests:
    """The requests of one period, in time order.

    Args:
        user: `[n]`, rows. timestamp: `[n]`, datetime64[ns]. query: n strings, "" where the request is no search.
        intended: `[n]`, row of the item that the user has in mind, -1 without a query.
        asked: `[n, 4]`, whether the query names each attribute of `ATTRIBUTES`.
        wanted: `[4, n]`, what the intended item's attributes are at the time; 0 without a query.
    """

    user: np.ndarray
    timestamp: np.ndarray
    query: np.ndarray
    intended: np.ndarray
    asked: np.ndarray
    wanted: np.ndarray

    def __len__(self) -> int:
        return len(self.user)

    def take(self, part: slice) -> "Requests":
        """Some of them."""
        texts = self.user[part], self.timestamp[part], self.query[part], self.intended[part]
        return Requests(*texts, self.asked[part], self.wanted[:, part])


class World:
    """Items, users and time from a seed. Everything about period t depends on (knobs, seed, t) alone.

    With u's taste at t, i's vector, level and so on,
    `pCTR = sigmoid(bias + taste * sqrt(dim) * <u, i> + relevance * (2 * rel(query, i) - 1 if search else 0)
    + appeal * appeal_i + season * cos(2 pi * (year's day / 365.25 - phase of the department))
    + price * log(price / level) + promotion * promoted)`, and pCVR the same with its own weights.

    Args:
        policy: what is shown in the log, and how many positions there are.
        drift: of `tfrec.simulator.tastes`.
        period: length of a period. start: when period 0 begins, UTC.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        visits: Visits,
        drift,
        queries: Queries,
        rewriting: Rewriting,
        prices: Prices,
        policy: Softmax,
        feedback: Feedback,
        seed: int = 0,
        period: str = "7D",
        start: str = "2024-01-01",
    ) -> None:
        require(isinstance(seed, int) and seed >= 0, f"world.seed is {seed}: choose a whole number from 0 on.")
        self.visits, self.drift, self.queries, self.seed = visits, drift, queries, seed
        self.policy, self.feedback, self.slate = policy, feedback, policy.slate
        self.period, self.start = span("world.period", period), _time(start)
        self.items = catalogue.draw(seed)
        first = int((self.items.born == 0).sum())
        require(
            policy.slate <= first,
            f"policy.slate is {policy.slate}, but only {first} items are there from the beginning: choose a shorter "
            "slate or more items.",
        )
        self.markets = Markets(self.items, rewriting, prices, seed)
        self.tastes = Tastes(visits.n_users, catalogue.dim, seed)
        self.user_ids = pd.Index([f"u{row}" for row in range(visits.n_users)])
        self._phase = generator(seed, "phases").random(len(self.items.values["department"]))
        self._period_of_taste: tuple[int, np.ndarray] | None = None

    def change_points(self, periods: int) -> list[int]:
        """Numbers below `periods` of the periods in which tastes differ from the period before."""
        return [t for t in range(1, periods) if self.drift.changes(t)]

    def begins(self, t: int) -> pd.Timestamp:
        """When period t begins."""
        return self.start + t * self.period

    def taste(self, t: int) -> np.ndarray:
        """The users' true tastes in period t, `[users, dim]`."""
        while t > 0 and not self.drift.changes(t):  # those of a million users are not drawn anew for nothing
            t -= 1
        if self._period_of_taste is None or self._period_of_taste[0] != t:
            self._period_of_taste = t, self.drift.at(t, self.tastes)
        return self._period_of_taste[1]

    def requests(self, t: int) -> Requests:
        """Who comes in period t, when, and what they search for."""
        market = self.markets[t]
        user, timestamp = self.visits.draw(self.begins(t), self.period, self.seed, t)
        search = np.flatnonzero(self.queries.searching(len(user), self.seed, t))

        def liking(rows):
            items = self._item_logits(t)[0][rows] - self.feedback.click.bias
            return items + self.feedback.click.taste * self._match(t, user[search], rows)

        found = self.queries.intended(liking, market.available, len(search), self.seed, t)
        codes, values = market.codes[:, found], [self.items.values[name] for name in ATTRIBUTES]
        values = dict(zip(ATTRIBUTES, values, strict=True))
        named = self.queries.asked(codes, values, self.seed, t)
        query = np.full(len(user), "", dtype=object)
        query[search] = self.queries.written(named, codes, values, self.seed, t)
        intended, asked = np.full(len(user), -1), np.zeros((len(user), 4), bool)
        wanted = np.zeros((4, len(user)), int)
        intended[search], asked[search], wanted[:, search] = found, named, codes
        return Requests(user, timestamp, query, intended, asked, wanted)

    def relevance(self, t: int, asked: np.ndarray, wanted: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Share of the attributes that a query names that an item has: `rel(query, i)`, 0 for no query, float32.

        Args:
            asked: `[n, 4]` and wanted: `[4, n]`, as in `Requests`, in period t.
            rows: `[n, k]` items of each request; None is all items, those not yet born included.

        Returns:
            `[n, k]`, or `[n, items]`.
        """
        codes = self.markets[t].codes if rows is None else self.markets[t].codes[:, rows]
        met = np.zeros((len(asked), codes.shape[-1]), dtype=np.int8)
        for k in range(len(ATTRIBUTES)):
            met += (codes[k] == wanted[k][:, None]) & asked[:, k, None]
        return met * (1 / np.maximum(asked.sum(1), 1)).astype(np.float32)[:, None]

    def relevance_to(self, slate: int) -> np.ndarray:
        """Relevance of all items to the query of one slate of the log, `[items]`; 0 where it had none."""
        t, number = divmod(int(slate), SLATES)
        requests = self.requests(t)
        return self.relevance(t, requests.asked[[number]], requests.wanted[:, [number]])[0]

    def probabilities(
        self, t: int, requests: Requests, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """True pCTR and pCVR of items for requests of period t, shapes as in `relevance`."""
        relevance = self.relevance(t, requests.asked, requests.wanted, rows)
        relevance = np.where(requests.asked.any(1)[:, None], 2 * relevance - 1, 0)
        match = self._match(t, requests.user, rows)
        clicks, purchases = (items if rows is None else items[rows] for items in self._item_logits(t))
        return (
            self.feedback.click.probability(clicks, match, relevance),
            self.feedback.purchase.probability(purchases, match, relevance),
        )

    def _match(self, t: int, users: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
        tastes, vectors = self.taste(t)[users], self.items.vectors
        scale = np.sqrt(vectors.shape[1])
        return scale * (tastes @ vectors.T if rows is None else np.einsum("nd,nkd->nk", tastes, vectors[rows]))

    def _item_logits(self, t: int) -> tuple[np.ndarray, np.ndarray]:
        market, begins = self.markets[t], self.begins(t)
        year = (begins - pd.Timestamp(begins.year, 1, 1)) / YEAR
        season = np.cos(2 * np.pi * (year - self._phase))[self.items.codes["department"]]
        dear = np.log(market.price / self.markets.level)
        terms = self.items.appeal, season, dear, market.promotion
        return self.feedback.click.items(*terms), self.feedback.purchase.items(*terms)


def _time(start: str) -> pd.Timestamp:
    moment = pd.to_datetime(str(start), errors="coerce")
    require(not pd.isna(moment), f"world.start is '{start}': write a date, for example 2024-01-01.")
    return moment
