"""What everybody buys, for everybody."""

from collections.abc import Callable

import numpy as np

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require


class Popularity:
    """Scores an item by the number of (user, period) pairs that bought it in the last `window` periods.

    Args:
        window: number of periods; None counts all of the past.

    Raises:
        InputError: the window is below 1.
    """

    def __init__(self, window: int | None = 4) -> None:
        self.window = periods(window, "baseline.popularity.window")

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        counts = history.popularity(self.window).astype(np.float32)
        return lambda block: np.tile(counts, (len(requests.users[block]), 1))


def periods(window: int | None, key: str) -> int | None:
    """The window, if it is a number of periods or None.

    Raises:
        InputError: it is below 1, which would count nothing.
    """
    require(window is None or window >= 1, f"{key} is {window}: choose 1 or more periods.")
    return window
