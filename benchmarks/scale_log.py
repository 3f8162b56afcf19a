"""A simulated log of any size in files, written period by period: what `scale.py` reads."""

import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from figures import peak_memory

PERIODS = 50  # that are learned from; one more is scored
SCHEMA = pa.schema(
    [
        ("user", pa.int64()),
        ("item", pa.int64()),
        ("timestamp", pa.timestamp("us")),
        ("position", pa.int64()),
        ("propensity", pa.float64()),
    ]
)


def world(users: int, items: int, events: int):
    """The shop of `conf/world/shop.yaml` of that size, without searches; `events` are shown in `PERIODS` periods."""
    from tfrec.build import build
    from tfrec.folders import conf_folder

    node = yaml.safe_load((conf_folder() / "world/shop.yaml").read_text())
    node["catalogue"]["n_items"] = items
    node["queries"]["search_share"] = 0.0
    # Half as uneven as the shop's: of a million users, 96 % come in 50 periods and not 83 %.
    activity = events / (PERIODS * users * node["policy"]["slate"])
    node["visits"] |= {"n_users": users, "activity": activity, "uneven": 0.5}
    return build(node, "data.world")


def write(folder: Path, users: int, items: int, events: int) -> None:
    """`events/<period>.parquet`, and `written.json` with the events and seconds of each period and the memory.

    Ids are the world's rows, as whole numbers. Of the period after the one that is scored there is the first request:
    it tells that the one before is complete.
    """
    from tfrec.simulator.log import logged, shown

    (folder / "events").mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    shop = world(users, items, events)
    done = {"built": time.perf_counter() - started, "rows": [], "seconds": []}
    for t in range(PERIODS + 2):
        started = time.perf_counter()
        requests = shop.requests(t)
        if t > PERIODS:
            requests = requests.take(slice(0, 1))
        rows, propensity = logged(shop, t, requests)
        log = shown(shop, t, requests, rows, propensity)
        log = log.assign(user=np.repeat(requests.user, shop.slate), item=rows.ravel())
        table = pa.Table.from_pandas(log[SCHEMA.names], SCHEMA, preserve_index=False)
        pq.write_table(table, folder / "events" / f"{t:03}.parquet")
        done["rows"].append(len(log))
        done["seconds"].append(time.perf_counter() - started)
    (folder / "written.json").write_text(json.dumps(done | {"peak": peak_memory()}))
