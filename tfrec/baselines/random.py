"""A different order of the catalogue for everybody, by chance."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.errors import require


class Random:
    """Scores uniform in [0, 1), a hash of seed, period, user and item: what a ranking that knows nothing is worth.

    It keeps no state and draws nothing: the same four give the same score in every run, block and catalogue, by
    SplitMix64's mixing function (Steele, Lea and Flood, OOPSLA 2014). Queries are ignored.

    Args:
        seed: another one gives other orders.

    Raises:
        InputError: a negative seed.
    """

    def __init__(self, seed: int = 0) -> None:
        require(seed >= 0, f"baseline.random.seed is {seed}: choose 0 or more.")
        self.seed = seed

    def score(self, history: History, requests: Requests) -> Callable[[slice], np.ndarray]:
        """A function from a slice of `requests` to scores `[block, catalogue]`."""
        key = mixed(np.array([self.seed], np.uint64)) ^ np.uint64(len(history))
        users = requests.users if requests.ids is None else requests.ids
        users = mixed(hashed(users) ^ mixed(key))
        items = mixed(hashed(history.items.ids))

        def block(rows: slice) -> np.ndarray:
            values = mixed(users[rows, None] ^ items)
            return (values >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)  # float32 holds 24 bits exactly

        return block


def hashed(ids: np.ndarray) -> np.ndarray:
    """A hash of each raw id, uint64, the same on every machine."""
    return pd.util.hash_array(np.asarray(ids), categorize=False)


def mixed(keys: np.ndarray) -> np.ndarray:
    """SplitMix64's mixing function: a permutation of the uint64 in which each bit depends on all, in a new array."""
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys ^= keys >> np.uint64(shift)
        keys *= np.uint64(factor)
    keys ^= keys >> np.uint64(31)
    return keys
