"""The closed loop: what a model shows decides what is clicked, and so what it learns from."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tfrec.data.stream import targets
from tfrec.errors import InputError, require
from tfrec.simulator.draws import generator
from tfrec.simulator.log import CELLS, logged, shown, versions
from tfrec.simulator.policy import explore, smallest, uniform
from tfrec.simulator.world import Requests, World


class ClosedLoop:
    """A stream whose period t comes into being when it is served; before `base`, the logging policy serves.

    A model's ranking is shown from the top, but with probability epsilon a position is filled evenly with any item
    that is not above, so every item's propensity is known:
    `P(i at p | above) = (1 - epsilon) * [i is the best of the ranking that is not above] + epsilon / (m - p + 1)`.
    Users, requests, exploration and the noise of examination, clicks and purchases (by request and position) depend
    on (seed, t) alone, so two policies are compared on common random numbers.

    Args:
        periods: how many there are.
        base: number of periods that the logging policy serves.
        epsilon: share of the positions of a model that are filled evenly.
        positive: a pandas expression such as `click > 0`: which shown items are targets; None takes all.
        distinct: whether repeats of (user, item, query) within a period are one event, as in `Stream`.
        users: serve only the world's first so many users (for quick trials).
    """

    def __init__(
        self,
        world: World,
        periods: int = 26,
        base: int = 10,
        epsilon: float = 0.05,
        positive: str | None = "click > 0",
        distinct: bool = True,
        users: int | None = None,
    ) -> None:
        require(
            isinstance(world, World),
            f"stream=closed_loop asks a simulated world, and data is a {type(world).__name__}: choose data=world.",
        )
        require(isinstance(periods, int) and periods >= 1, f"stream.periods is {periods}: choose 1 or more.")
        require(isinstance(base, int) and base >= 0, f"stream.base is {base}: choose 0 or more periods.")
        require(0 <= epsilon <= 1, f"stream.epsilon is {epsilon}: choose a share from 0 to 1.")
        self.world, self.periods, self.base, self.epsilon = world, periods, base, epsilon
        require(users is None or users >= 1, f"stream.users is {users}: choose 1 or more, or null for all.")
        self.positive, self.distinct, self.users = positive, distinct, users
        self.items, self.user_table = world.markets.table(), None
        self.starts = np.array([world.begins(t).to_datetime64() for t in range(periods + 1)])
        self._slates: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # rows and propensities of what was shown
        self._logs: dict[int, pd.DataFrame] = {}
        feedback = world.feedback  # periods after which every label is known
        self._reach = 0 if feedback.delay is None else -(-feedback.window // world.period)

    def __len__(self) -> int:
        return self.periods

    def __getitem__(self, t: int) -> pd.DataFrame:
        """Targets of period t, in time order.

        Raises:
            InputError: it has none, or was not served.
        """
        events = self.scored(t)
        require(len(events) > 0, f"Period {t} has no events with {self.positive}: use more users or a longer period.")
        return events

    def scored(self, t: int) -> pd.DataFrame:
        """The same, where there may be none."""
        return self._targets(self.log(t), t)

    @property
    def has_quantities(self) -> bool:
        """Whether events say how much was bought: they do not."""
        return False

    @property
    def late(self) -> bool:
        """Whether labels become known later than in the period of their event."""
        return self._reach > 0

    def log(self, t: int) -> pd.DataFrame:
        """Everything that was shown in period t, a row each as in `tfrec.simulator.log.shown`."""
        if not 0 <= t < len(self):
            raise IndexError(t)
        if t not in self._slates:
            require(t < self.base, f"Period {t} was not served yet: call serve({t}, rank) before its events are read.")
            self._slates[t] = logged(self.world, t, self._requests(t))
        return self._logs[t] if t in self._logs else self._keep(t, self._requests(t))

    def revealed(self, t: int) -> pd.DataFrame:
        """Targets whose labels become known in period t, in time order; there may be none."""
        known = []
        for earlier in range(max(0, t - self._reach), t + 1):
            events = self.log(earlier)
            period = np.searchsorted(self.starts, events["known"].to_numpy(), side="right") - 1
            known.append(self._targets(events, earlier)[lambda rows, p=period: p[rows.index] == t])
        return pd.concat(known, ignore_index=True)

    def changes(self, t: int) -> pd.DataFrame | None:
        """Versions of item rows that become known in period t: at its start."""
        return versions(self.world, t) if t else None

    def catalogue(self, t: int) -> pd.Index:
        """Ids of the items that can be shown in period t."""
        return self.world.items.ids[self.world.markets[t].available]

    def asked(self, t: int) -> pd.DataFrame:
        """The requests of period t as they are ranked: columns user, query, timestamp."""
        requests = self._requests(t)
        users = self.world.user_ids[requests.user]
        return pd.DataFrame({"user": users, "query": requests.query, "timestamp": requests.timestamp})

    def serve(self, t: int, rank: Callable[[pd.DataFrame], np.ndarray]) -> dict[str, float]:
        """Lets period t happen with a model's slates, and says what they were worth.

        Args:
            rank: from a table of requests (columns user, query, timestamp) to item ids, best first, `[requests, k]`,
                k >= slate, each once a row; not asked before `base`.

        Returns:
            means over requests, under the truth: `clicks` and `purchases` that the slates shown are worth,
            `oracle_clicks` of the best slates, `regret` (their difference), and `click_rate`, recorded clicks over
            items shown.

        Raises:
            InputError: a ranking with unknown, repeated, unborn or too few items.
        """
        requests = self._requests(t)
        require(len(requests) > 0, f"Nobody came in period {t}: use more users, more activity or a longer period.")
        if t < self.base:
            self._slates[t] = logged(self.world, t, requests)
        else:
            self._slates[t] = self._explored(t, requests, rank)
        log = self._keep(t, requests)
        return self._worth(t, requests) | {"click_rate": float(log["click"].mean())}

    def state(self) -> dict[str, np.ndarray]:
        """What was shown, by which all else can be made again."""
        return {
            f"{name}/{t}": values
            for t, slates in self._slates.items()
            for name, values in zip(("rows", "propensities"), slates, strict=True)
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes up a `state`: the same periods are served, with the same events."""
        served = [int(key.removeprefix("rows/")) for key in state if key.startswith("rows/")]
        self._slates = {t: (state[f"rows/{t}"], state[f"propensities/{t}"]) for t in served}
        self._logs = {}

    def _requests(self, t: int) -> Requests:
        requests = self.world.requests(t)
        return requests if self.users is None else requests.take(np.flatnonzero(requests.user < self.users))

    def _keep(self, t: int, requests: Requests) -> pd.DataFrame:
        """Makes the log of a period, and keeps it for as long as its labels are to be revealed."""
        self._logs = {earlier: log for earlier, log in self._logs.items() if t - self._reach <= earlier}
        self._logs[t] = shown(self.world, t, requests, *self._slates[t])
        return self._logs[t]

    def _targets(self, events: pd.DataFrame, t: int) -> pd.DataFrame:
        events = targets(events.assign(period=t), self.positive)
        return events.drop_duplicates(["user", "item", "query"]) if self.distinct else events

    def _explored(self, t: int, requests: Requests, rank) -> tuple[np.ndarray, np.ndarray]:
        world, available = self.world, self.world.markets[t].available
        ranking = self._rows(t, np.asarray(rank(self.asked(t))), len(requests))
        rng = generator(world.seed, "exploration", t)
        rows, best = explore(ranking, available, world.slate, self.epsilon, rng)
        return rows, (1 - self.epsilon) * (rows == best) + self.epsilon * uniform(len(available), world.slate)

    def _rows(self, t: int, ranking: np.ndarray, requests: int) -> np.ndarray:
        slate = self.world.slate
        require(
            ranking.ndim == 2 and len(ranking) == requests and (requests == 0 or ranking.shape[1] >= slate),
            f"Period {t}: the ranking has shape {ranking.shape}, but there are {requests} requests with {slate} "
            "positions: rank at least so many items for each request.",
        )
        ids = ranking[:, :slate]
        rows = self.world.items.ids.get_indexer(ids.ravel()).reshape(ids.shape)
        wrong = (rows < 0) | ~self.world.markets[t].born[rows]
        wrong[:, 1:] |= (rows[:, 1:, None] == rows[:, None, :]).sum(2) > 1
        if wrong.any():
            request, place = np.argwhere(wrong)[0]
            raise InputError(
                f"Period {t}, request {request}, position {place + 1}: the ranking has {ids[request, place]}, which "
                "is not in catalogue(t) or stands there twice: rank each item of catalogue(t) at most once."
            )
        return rows

    def _worth(self, t: int, requests: Requests) -> dict[str, float]:
        rows, world = self._slates[t][0], self.world
        examined, available = world.feedback.examined(world.slate), world.markets[t].available
        pctr, pcvr = world.probabilities(t, requests, rows)
        best, block = [], max(1, CELLS // len(world.items))
        for first in range(0, len(requests), block):
            part = requests.take(slice(first, first + block))
            truth = world.probabilities(t, part)[0][:, available]
            best.append(np.take_along_axis(truth, smallest(-truth, world.slate), 1) @ examined)
        clicks, oracle = float((pctr @ examined).mean()), float(np.concatenate(best).mean())
        purchases = float(((pctr * pcvr) @ examined).mean())
        return {"clicks": clicks, "purchases": purchases, "oracle_clicks": oracle, "regret": oracle - clicks}
