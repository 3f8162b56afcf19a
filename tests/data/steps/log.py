"""A random log with all columns that the options of conf/step name."""

import numpy as np
import pandas as pd

TEXTS = ["Red &amp; white", "<b>Bread</b>", "ｆｕｌｌ　width", "zero\u200bwidth", "", "Caf\u00e9  NOIR"]


def make_log(periods=6, per_period=80, items=40, seed=0):
    """Events of `periods` days and an item table; some prices are missing, and items appear bit by bit."""
    rng = np.random.default_rng(seed)
    rows = periods * per_period
    day = np.repeat(np.arange(periods), per_period)
    item = rng.integers(0, items, rows) * (day + 1) // periods
    seconds = np.sort(rng.integers(0, 86_400, (periods, per_period))).ravel()
    events = pd.DataFrame({"user": rng.integers(0, 5, rows), "item": item})
    events["timestamp"] = pd.Timestamp("2024-03-30") + pd.to_timedelta(day * 86_400 + seconds, unit="s")
    events["query"] = np.array(TEXTS, dtype=object)[rng.integers(0, len(TEXTS), rows)]
    events["price"] = np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(1, 1, rows))
    events.index = pd.RangeIndex(7, 7 + rows)  # not from 0, so that an index that is made anew is seen
    table = pd.DataFrame({"text": [TEXTS[i % len(TEXTS)] for i in range(items)]}, index=range(items))
    table["category"] = [f"kind {i % 3}" for i in range(items)]
    table["price"] = np.where(np.arange(items) % 7 == 6, np.nan, rng.lognormal(1, 1, items))
    return events, table


def periods_of(events, items, per_period=80):
    """(events of a period, rows of the items first seen in it), period by period."""
    seen = set()
    for start in range(0, len(events), per_period):
        period = events.iloc[start : start + per_period]
        new = [item for item in dict.fromkeys(period["item"]) if item not in seen]
        seen |= set(new)
        yield period, items.loc[new]
