"""Tastes of users, and how they drift: never, at once, little by little, or to and fro.

A drift says which taste a user has in period t. Tastes are numbered: `taste(0)` is where all users start, `taste(n)`
where those who move for the n-th time go; `movers(n)` says who they are.
"""

from collections.abc import Sequence

import numpy as np

from tfrec.errors import require
from tfrec.simulator.draws import generator


class Tastes:
    """The numbered tastes of one world's users.

    Args:
        users: how many.
        dim: length of a taste; each is a direction, drawn uniformly.
    """

    def __init__(self, users: int, dim: int, seed: int) -> None:
        self.users, self.dim, self.seed = users, dim, seed

    def taste(self, number: int) -> np.ndarray:
        """Everybody's taste of this number, `[users, dim]`, each of length 1."""
        drawn = generator(self.seed, "tastes", number).standard_normal((self.users, self.dim))
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    def movers(self, number: int, share: float) -> np.ndarray:
        """Whether each user is among the `share` who take part in this move, `[users, 1]`."""
        chosen = generator(self.seed, "movers", number).permutation(self.users) < round(share * self.users)
        return chosen[:, None]


class Steady:
    """No drift."""

    def changes(self, t: int) -> bool:
        """Whether tastes in period t differ from those in the period before."""
        return False

    def at(self, t: int, tastes: Tastes) -> np.ndarray:
        """Tastes in period t, `[users, dim]`."""
        return tastes.taste(0)


class Abrupt:
    """A share of the users, drawn anew each time, has new tastes from the start of each stated period on."""

    def __init__(self, at: Sequence[int] = (10, 20), share: float = 0.5) -> None:
        _require_share(share)
        require(
            len(at) > 0 and min(at) >= 1 and list(at) == sorted(set(at)),
            f"drift.at is {list(at)}: write one or more different periods from 1 on, in order.",
        )
        self.periods, self.share = list(at), share

    def changes(self, t: int) -> bool:
        """Whether t is one of the stated periods."""
        return t in self.periods

    def at(self, t: int, tastes: Tastes) -> np.ndarray:
        """The taste of each user's latest move."""
        now = tastes.taste(0)
        for number, period in enumerate(self.periods, start=1):
            if period <= t:
                now = np.where(tastes.movers(number, self.share), tastes.taste(number), now)
        return now


class Gradual:
    """A share of the users moves on a straight line from one taste to another.

    `taste(t) = (1 - m) * old + m * new`, `m = clip((t - start + 1) / (end - start + 1), 0, 1)`: period `start` is
    the first that differs, period `end` the first in which the new taste is reached.
    """

    def __init__(self, start: int = 10, end: int = 20, share: float = 0.5) -> None:
        _require_share(share)
        require(1 <= start <= end, f"drift.start={start} and drift.end={end}: choose 1 <= start <= end.")
        self.start, self.end, self.share = start, end, share

    def changes(self, t: int) -> bool:
        """Whether t is on the way."""
        return self.start <= t <= self.end

    def at(self, t: int, tastes: Tastes) -> np.ndarray:
        """The point of the line that is reached."""
        moved = float(np.clip((t - self.start + 1) / (self.end - self.start + 1), 0, 1))
        old, new = tastes.taste(0), tastes.taste(1)
        return np.where(tastes.movers(1, self.share), (1 - moved) * old + moved * new, old)


class Recurring:
    """A share of the users alternates between two tastes, each for `every` periods."""

    def __init__(self, every: int = 5, share: float = 0.5) -> None:
        _require_share(share)
        require(isinstance(every, int) and every >= 1, f"drift.every is {every}: choose 1 or more periods.")
        self.every, self.share = every, share

    def changes(self, t: int) -> bool:
        """Whether a stretch begins at t."""
        return t > 0 and t % self.every == 0

    def at(self, t: int, tastes: Tastes) -> np.ndarray:
        """The first taste in stretches 0, 2, 4, ..., the second in the others."""
        away = (t // self.every) % 2 == 1
        return np.where(tastes.movers(1, self.share) & away, tastes.taste(1), tastes.taste(0))


def _require_share(share: float) -> None:
    require(0 < share <= 1, f"drift.share is {share}: choose a share above 0 and at most 1.")
