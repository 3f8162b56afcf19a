"""Who comes, and when: Poisson visits by activity, more on some days of the week than on others."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfrec.errors import require
from tfrec.simulator.draws import generator

DAY = pd.Timedelta("1D")


class Visits:
    """User u makes `Poisson(a_u * w)` requests in a period, w the period's mean of the days' weights.

    Activities `a_u` are gamma distributed with mean `activity` and standard deviation `activity * uneven`. Times are
    drawn day by day in proportion to the days' weights, evenly within a day, in whole seconds.

    Args:
        n_users: how many there are.
        activity: requests of a user in a period, on average.
        uneven: 0 gives everybody the same activity.
        weekly: weights of Monday to Sunday; only their ratios matter.
    """

    def __init__(
        self,
        n_users: int = 2000,
        activity: float = 1.0,
        uneven: float = 1.0,
        weekly: Sequence[float] = (0.9, 0.8, 0.8, 0.9, 1.1, 1.4, 1.1),
    ) -> None:
        require(isinstance(n_users, int) and n_users >= 1, f"visits.n_users is {n_users}: choose 1 or more.")
        require(activity > 0, f"visits.activity is {activity}: choose more than 0 requests a period.")
        require(uneven >= 0, f"visits.uneven is {uneven}: choose 0 or more.")
        require(
            len(weekly) == 7 and min(weekly) >= 0 and sum(weekly) > 0,
            f"visits.weekly is {list(weekly)}: write seven weights, Monday first, none below 0, not all 0.",
        )
        self.n_users, self.activity, self.uneven = n_users, activity, uneven
        self.weekly = np.asarray(weekly, float) / np.mean(weekly)

    def activities(self, seed: int) -> np.ndarray:
        """Requests that each user makes in a period, on average, `[users]`."""
        if self.uneven == 0:
            return np.full(self.n_users, float(self.activity))
        shape = self.uneven**-2.0
        return generator(seed, "activity").gamma(shape, self.activity / shape, self.n_users)

    def draw(self, start: pd.Timestamp, period: pd.Timedelta, seed: int, t: int) -> tuple[np.ndarray, np.ndarray]:
        """Users (rows) and times of the requests of period t, which begins at `start`, in time order."""
        edges = pd.DatetimeIndex([start, *pd.date_range(start.floor("D") + DAY, start + period, freq="D")])
        edges = edges.append(pd.DatetimeIndex([start + period])).unique()
        seconds = np.asarray((edges - start) / pd.Timedelta("1s"))
        mass = np.diff(seconds) * self.weekly[edges[:-1].day_of_week]
        rng = generator(seed, "visits", t)
        number = rng.poisson(self.activities(seed) * mass.sum() / seconds[-1])
        users = np.repeat(np.arange(self.n_users), number)
        reached = np.concatenate([[0.0], np.cumsum(mass)])
        drawn = np.interp(rng.random(len(users)) * reached[-1], reached, seconds)
        when = np.minimum(drawn.astype(np.int64), int(np.ceil(seconds[-1])) - 1)
        order = np.argsort(when, kind="stable")
        users, when = users[order], when[order]
        if t == 0:
            when[:1] = 0  # streams count periods from the first event: so theirs are the world's
        return users, start.to_datetime64().astype("datetime64[ns]") + when.astype("timedelta64[s]")
