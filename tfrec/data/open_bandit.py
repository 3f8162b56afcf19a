"""Open Bandit Dataset (ZOZO, Inc.): what a fashion shop showed in three places, with which probability, and clicks.

Saito, Aihara, Matsutani & Narita, Open Bandit Dataset and Pipeline, NeurIPS Datasets and Benchmarks, 2021.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from tfrec.data.interactions import Interactions, require_columns, validated
from tfrec.data.published import dataset_file, dataset_folder
from tfrec.errors import InputError, require

NAME = "open_bandit"
POLICIES = ("random", "bts")
CAMPAIGNS = ("all", "men", "women")
EVENTS = {
    "item_id": "item", "timestamp": "timestamp", "click": "click", "position": "position",
    "propensity_score": "propensity",
}  # fmt: skip
USER_FEATURES = [f"user_feature_{i}" for i in range(4)]
ITEM_CATEGORIES = [f"item_feature_{i}" for i in (1, 2, 3)]


def load(folder: str | None = None, policy: str = "random", campaign: str = "all") -> Interactions:
    """Reads every exposure, clicked or not: user, item, time (UTC), `click`, `position` 1 to 3 and `propensity`.

    Nobody is identified in this data. A visitor is described by four hashed features, and those joined are the `user`:
    a group of visitors who look alike, not a person, so a user's history is the group's. The features are also context
    columns. `affinity` is the number of past clicks that the shop counted between visitor and shown item; of the file's
    one such column per item only the shown item's is kept. Items are anonymous: no text, three hashed categories and
    the number `item_feature_0`. The propensity is the logging policy's true one for that item in that position.

    Args:
        folder: holds `<policy>/<campaign>/<campaign>.csv` and `item_context.csv` beside it, as ZOZO publishes them;
            None takes what `python -m tfrec.data.fetch open_bandit` fetched: 10,000 rows a file, one week.
        policy: what chose the items: `random` (uniformly) or `bts` (Bernoulli Thompson sampling).
        campaign: `all`, `men` or `women`: 80, 34 or 46 items.

    Raises:
        InputError: no such policy or campaign, or a missing folder, file or column.
    """
    require(policy in POLICIES, f"data.policy is {policy}: choose from {', '.join(POLICIES)}.")
    require(campaign in CAMPAIGNS, f"data.campaign is {campaign}: choose from {', '.join(CAMPAIGNS)}.")
    root = dataset_folder(NAME, folder)
    path = dataset_file(root, f"{policy}/{campaign}/{campaign}.csv")
    log = _read(path)
    require_columns(log, [*EVENTS, *USER_FEATURES], str(path))
    items = _items(dataset_file(root, f"{policy}/{campaign}/item_context.csv"))
    events = log[list(EVENTS)].rename(columns=EVENTS).assign(timestamp=_naive_utc(log["timestamp"], path))
    events.insert(0, "user", log[USER_FEATURES[0]].str.cat(log[USER_FEATURES[1:]], sep="-"))
    return validated(pd.concat([events, log[USER_FEATURES], _affinity(log)], axis=1), items, str(path))


def _affinity(log: pd.DataFrame) -> pd.Series:
    """Column `user-item_affinity_<item>` of each row's own item; 0 for an item without such a column."""
    columns = [column for column in log.columns if column.startswith("user-item_affinity_")]
    items = np.array([int(column.rsplit("_", 1)[1]) for column in columns], dtype=np.int64)
    place = pd.Index(items).get_indexer(log["item_id"])
    values = np.append(log[columns].to_numpy(float), np.zeros([len(log), 1]), axis=1)
    return pd.Series(values[np.arange(len(log)), place], log.index, name="affinity")  # -1: the column of zeros


def _items(path: Path) -> pd.DataFrame:
    table = _read(path)
    require_columns(table, ["item_id", "item_feature_0", *ITEM_CATEGORIES], str(path))
    table = table.set_index("item_id").rename_axis("item")
    return table[["item_feature_0", *ITEM_CATEGORIES]].assign(text="")


def _naive_utc(times: pd.Series, path: Path) -> pd.Series:
    try:
        return pd.to_datetime(times, utc=True, format="ISO8601").dt.tz_localize(None)
    except ValueError as error:
        raise InputError(f"{path}, column 'timestamp' cannot be read: {error}.") from error


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, index_col=0)
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
