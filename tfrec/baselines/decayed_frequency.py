"""What this user bought often and lately."""

from collections.abc import Callable

import numpy as np

from tfrec.baselines.own_items import overlays, popularity_below_one
from tfrec.baselines.popularity import periods
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require


class DecayedFrequency:
    """Own purchases, each worth less with every period that passes.

    `own(u, i) = sum over periods s < t with a purchase of decay ** (t - 1 - s)`. With `share` the score is
    `own + share * purchases of i / active users`, both over the last `window` periods; without it, own items
    come first and popularity fills up.

    Args:
        decay: what a purchase keeps of its worth from one period to the next.
        share: weight of the share of users who buy the item in a period, or None.
        window: periods of the popularity.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, decay: float = 0.93, share: float | None = None, window: int = 4) -> None:
        require(0 < decay <= 1, f"baseline.decayed_frequency.decay is {decay}: choose above 0, up to 1.")
        require(share is None or share >= 0, f"baseline.decayed_frequency.share is {share}: choose 0 or more, or null.")
        self.decay, self.share, self.window = decay, share, periods(window, "baseline.decayed_frequency.window")

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        own = history.own(requests.users, self.decay)
        if self.share is None:
            base = popularity_below_one(history, self.window)
            own.data += 1
        else:
            base = self.share * history.popularity(self.window) / max(1, history.active_users(self.window))
            own.data += base[own.indices]
        return overlays(base, own)
