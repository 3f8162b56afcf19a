"""A small random log that tests make streams of."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from tfrec.data.interactions import validated

# What a checkpoint asks of a tracker, of a run that logs nothing.
TRACKER = SimpleNamespace(rows=[], seconds=lambda: 0.0, update_seconds=0.0, resume=lambda *facts: None)


def make_interactions(users=12, items=30, days=42, per_day=20, seed=0, named=False):
    """A random log: each user prefers some items, and the last third of the items appears only halfway through."""
    rng = np.random.default_rng(seed)
    rows = days * per_day
    user = rng.integers(0, users, rows)
    day = np.sort(rng.integers(0, days, rows))
    reachable = np.where(day < days // 2, 2 * items // 3, items)
    item = (user * 5 + rng.integers(0, 8, rows)) % reachable
    events = pd.DataFrame({"user": user, "item": item, "timestamp": pd.Timestamp("2024-01-01")})
    events["timestamp"] += pd.to_timedelta(day * 86_400 + rng.integers(0, 86_400, rows), unit="s")
    table = pd.DataFrame({"text": [f"thing {i % 25} of kind {i % 4}" for i in range(items)]}, index=range(items))
    table["kind"] = [f"kind {i % 4}" for i in range(items)]
    if named:
        events["user"] = "u" + events["user"].astype(str)
        events["item"] = "i" + events["item"].astype(str)
        table.index = "i" + table.index.astype(str)
    return validated(events, table, "toy log")


def make_ratings(users=40, items=60, events=1200, days=50, seed=0):
    """Each pair is rated once, from 1 to 5: by how good the item is, what the user likes, and noise.

    Items appear one after the other during the first half of the log.
    """
    rng = np.random.default_rng(seed)
    user, item = np.divmod(rng.choice(users * items, events, replace=False), items)
    moment = item / (2 * items)
    moment += (1 - moment) * rng.random(events)
    taste, quality = rng.normal(0, 0.7, users), rng.normal(0, 0.7, items)
    rating = np.clip(np.round(3.2 + taste[user] + quality[item] + rng.normal(0, 0.5, events)), 1, 5)
    log = pd.DataFrame({"user": user, "item": item, "rating": rating})
    log["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta((moment * days * 86_400).astype(int), unit="s")
    return validated(log, pd.DataFrame({"text": [""] * items}, index=range(items)), "toy ratings")
