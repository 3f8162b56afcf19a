"""Run folders as finished runs leave them, written by hand."""

import json

import numpy as np
import pandas as pd

from tfrec.scores import Scores


def log(users=12, periods=range(4, 12), weight=1.0, queries=False):
    """Keys of requests: every user in every period."""
    rows = pd.MultiIndex.from_product([periods, [f"u{u}" for u in range(users)]], names=["period", "user"])
    rows = rows.to_frame(index=False).assign(weight=weight)
    return rows.assign(query=np.where(rows.index % 2, "milk", "")) if queries else rows


def write_run(folder, rows, scorers, status="finished", slices=None, **facts):
    """A run of which `scorers` have values by metric, `[len(rows)]` each, and in `slices` (bool each) the same."""
    folder.mkdir(parents=True)
    facts = {"name": "toy", "seed": 0, "commit": "abc", "overrides": [], "seconds": 10.0, "metrics": {}} | facts
    (folder / "results.json").write_text(json.dumps(facts | {"status": status}))
    store = Scores(folder)
    for t in sorted(rows["period"].unique()):
        now = (rows["period"] == t).to_numpy()
        keys = {name: rows[name].to_numpy()[now] for name in ("user", "query") if name in rows}
        for scorer, values in scorers.items():
            of_slices = {
                f"slice/{cut}/{name}": np.where(chosen, value, np.nan)
                for cut, chosen in (slices or {}).items()
                for name, value in values.items()
            }
            of_now = {name: np.asarray(value)[now] for name, value in (values | of_slices).items()}
            store.add(scorer, keys, of_now, rows["weight"].to_numpy()[now])
        store.end_of_period(t)
    store.finish()
    return folder
