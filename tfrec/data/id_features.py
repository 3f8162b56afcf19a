"""Features of a model that knows users and items by their rows alone."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfrec.data.history import History
from tfrec.data.requests import Requests


class IdFeatures:
    """Query: user row. Candidate: item row."""

    def observe(self, history: History, items: pd.DataFrame, changed: Sequence = ()) -> list[str]:
        """Nothing to remember and no texts."""
        return []

    def users(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """Who asks: `user` and `user_known`, `[n]`."""
        users = requests.users
        return {"user": np.maximum(users, 0).astype(np.int32), "user_known": (users >= 0).astype(np.float32)}

    def past(self, history: History, requests: Requests) -> dict[str, np.ndarray]:
        """Nothing: what a user did is in the user's row."""
        return {}

    def candidates(self, history: History, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Item rows `[n]` as `item`."""
        return {"item": rows.astype(np.int32)}
