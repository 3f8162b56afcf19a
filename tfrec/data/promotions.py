"""Promotions and coupons of Complete Journey as numbers of products that change in time, none known before its day."""

import hashlib
import logging
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tfrec.data.interactions import require_columns
from tfrec.errors import InputError, require

SHARES = ("display", "mailer")
# The shops' time. Timestamps are UTC, and the files' weeks begin on Mondays at 05:00 UTC in winter, 04:00 in summer.
SHOPS = "America/New_York"

_PIECE = 1 << 20  # rows read together: 21 MB
_VERSION = b"share of stores 1"  # of the cached table; another rule of counting needs another
# Product, week and store as one number: 37, 6 and 20 bits.
_WEEK, _STORE = 26, 20

log = logging.getLogger(__name__)


def week_ends(weeks: pd.Series, times: pd.Series, source: str) -> pd.Series:
    """When each week of the files' `week` column is over: naive UTC, by week, from 0 to 63.

    The calendar needs the first transaction only: its week `w0` ends at the first Monday, 00:00 in the shops' time,
    after it, and week w ends `7 (w - w0)` days later. So week 1 of the data has one day, Sunday 2017-01-01.

    Args:
        weeks, times: columns `week` and `transaction_timestamp` of the transactions.

    Raises:
        InputError: a transaction whose week is another than this calendar's.
    """
    first = times.argmin()
    local = times.dt.tz_localize("UTC").dt.tz_convert(SHOPS).dt.tz_localize(None)
    monday = (local - pd.to_timedelta(local.dt.day_of_week, unit="D")).dt.normalize()
    calendar = weeks.iloc[first] + (monday - monday.iloc[first]).dt.days // 7
    wrong = np.flatnonzero((calendar != weeks).to_numpy())
    require(
        not len(wrong),
        f"{source}: {len(wrong)} rows have a week that does not begin on Monday, 00:00 {SHOPS} time, as those of the "
        "published data do: promotions cannot be dated. Set data.promotions to false.",
    )
    numbers = np.arange(1 << _WEEK - _STORE)
    ends = monday.iloc[first] + pd.to_timedelta(7 * (numbers - weeks.iloc[first] + 1), unit="D")
    return pd.Series(_utc(ends), numbers)


def promotion_changes(path: Path, ends: pd.Series, cache: Path) -> pd.DataFrame:
    """Columns item, timestamp, `display` and `mailer`: a row when a week is over in which a share was another.

    A share is the number of stores that showed the product on a display (in the mailer), over all stores that had any
    promotion in that week; 0 in a week without, up to the last week of the file. The log's first week starts from 0.

    Args:
        path: `promotions.parquet`.
        ends: of `week_ends`.
        cache: folder where the small table of shares is kept, under the fingerprint of the file.
    """
    shares = _cached_shares(path, cache)
    products, row = np.unique(shares["product_id"], return_inverse=True)
    weeks = np.arange(shares["week"].min(), shares["week"].max() + 1) if len(shares) else np.zeros(0, int)
    grid = np.zeros([len(weeks) + 1, len(products), len(SHARES)])  # the first row is before the first week
    grid[shares["week"] - weeks[0] + 1 if len(shares) else [], row] = shares[list(SHARES)]
    week, product = np.nonzero((grid[1:] != grid[:-1]).any(axis=2))
    changes = pd.DataFrame({"item": products[product], "timestamp": ends.iloc[weeks[week]].to_numpy()})
    return changes.assign(**{name: grid[week + 1, product, k] for k, name in enumerate(SHARES)})


def coupon_changes(coupons: pd.DataFrame, campaigns: pd.DataFrame) -> pd.DataFrame:
    """Columns item, timestamp and `coupon_campaigns`, the running campaigns with a coupon for the product.

    A campaign counts from 00:00 of its `start_date` to the end of its `end_date` in the shops' time. It is known when
    it starts, not before.
    """
    pairs = coupons[["product_id", "campaign_id"]].drop_duplicates().merge(campaigns, on="campaign_id")
    start, end = _utc(pairs["start_date"]), _utc(pairs["end_date"] + pd.Timedelta("1D"))
    steps = pd.DataFrame(
        {
            "item": np.tile(pairs["product_id"], 2),
            "timestamp": np.concatenate([start, end]),
            "coupon_campaigns": np.repeat([1.0, -1.0], len(pairs)),
        }
    )
    steps = steps.groupby(["timestamp", "item"], as_index=False)["coupon_campaigns"].sum()
    steps = steps[steps["coupon_campaigns"] != 0]
    return steps.assign(coupon_campaigns=steps.groupby("item")["coupon_campaigns"].cumsum())[
        ["item", "timestamp", "coupon_campaigns"]
    ]


def with_changes(
    items: pd.DataFrame, parts: list[pd.DataFrame], times: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The item table with what was known when the log began, 0 if nothing was, and the later changes in time order."""
    first, later = times.min(), []
    for part in parts:
        part = part[part["item"].isin(items.index)]
        early = part[part["timestamp"] <= first].groupby("item").last().drop(columns="timestamp")
        columns = list(early.columns)
        items = items.assign(**early.reindex(items.index).fillna(0.0))
        later.append(part.loc[part["timestamp"] > first, ["item", "timestamp", *columns]])
    if not later:
        return items, None
    changes = pd.concat(later).sort_values("timestamp", kind="stable", ignore_index=True)
    return items, changes.astype({"timestamp": times.dtype})


def _utc(days) -> np.ndarray:
    """Days of the shops' calendar, from their first moment, in naive UTC."""
    return pd.DatetimeIndex(days).tz_localize(SHOPS).tz_convert("UTC").tz_localize(None).to_numpy()


def _cached_shares(path: Path, cache: Path) -> pd.DataFrame:
    with open(path, "rb") as file:
        content = hashlib.file_digest(file, "sha256").digest()
    place = cache / "promotions" / f"{hashlib.sha256(content + _VERSION).hexdigest()[:32]}.parquet"
    if not place.is_file():
        log.info("%s: counting stores with promotions, once", path)
        shares = _shares(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, suffix=".part", delete=False) as file:
            shares.to_parquet(file.name)
        os.replace(file.name, place)
    return pd.read_parquet(place)


def _shares(path: Path) -> pd.DataFrame:
    """Columns product_id, week, display, mailer, of the (product, week) pairs that the file lists.

    A store may stand several times with one product, on several displays: it counts once, so pairs of product and
    store are gathered as whole numbers, 8 bytes each, and counted when all pieces are read.
    """
    none = np.zeros(0, np.int64)
    found, listed, stores = {name: [none] for name in SHARES}, [none], [none]
    for piece in _pieces(path):
        product, week, store = (piece[c].to_numpy().astype(np.int64) for c in ("product_id", "week", "store_id"))
        fits = (product >= 0) & (week >= 0) & (week < 1 << _WEEK - _STORE) & (store >= 0) & (store < 1 << _STORE)
        require(bool(fits.all()), f"{path} has a negative number, a week over 63 or a store over {(1 << _STORE) - 1}.")
        key = product << _WEEK | week << _STORE | store
        for name in SHARES:
            shown = pc.fill_null(pc.not_equal(piece[f"{name}_location"], "0"), False)  # "0": not there
            found[name].append(key[shown.to_numpy(zero_copy_only=False)])
        listed.append(np.unique(key >> _STORE))
        stores.append(np.unique(key & (1 << _WEEK) - 1))
    size = np.bincount(np.unique(np.concatenate(stores)) >> _STORE, minlength=1)  # stores of a week
    columns = {}
    for name in SHARES:
        keys = np.sort(np.concatenate(found.pop(name)))  # numpy.unique hashes: 20 times the time
        once = keys[np.diff(keys, prepend=-1) > 0]
        place, count = np.unique(once >> _STORE, return_counts=True)
        week = place & (1 << _WEEK - _STORE) - 1
        columns[name] = pd.Series(count / size[week], index=place)
    shares = pd.DataFrame(columns, index=np.unique(np.concatenate(listed))).fillna(0.0)
    place = shares.index.to_numpy()
    shares.insert(0, "product_id", place >> _WEEK - _STORE)
    shares.insert(1, "week", place & (1 << _WEEK - _STORE) - 1)
    return shares.reset_index(drop=True)


def _pieces(path: Path):
    try:
        file = pq.ParquetFile(path, read_dictionary=[f"{name}_location" for name in SHARES])
        columns = ["product_id", "store_id", "week", *(f"{name}_location" for name in SHARES)]
        require_columns(pd.DataFrame(columns=file.schema_arrow.names), columns, str(path))
        yield from file.iter_batches(_PIECE, columns=columns)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read as a Parquet file: {error}") from error
