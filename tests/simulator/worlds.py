"""Small simulated worlds from the shipped configuration and a product table of their own."""

import pandas as pd
import yaml

from tfrec.build import build
from tfrec.folders import conf_folder

SIZES = ["12.5 OZ", "1 GAL", "6 CT", "16 OZ", None]
SMALL = {"catalogue.n_items": 200, "catalogue.new_until": 6, "visits.n_users": 150}


def write_products(folder):
    """600 products: 4 departments of 5 categories of 6 types, with sizes and brands in turn."""
    rows = [
        {
            "product_id": n,
            "department": f"DEPT{n % 4}X",
            "brand": ["National", "Private"][n % 3 == 0],
            "product_category": f"AISLE/GROUP {chr(65 + n % 20)}{chr(65 + n % 20)}",
            "product_type": f"GROUP {chr(65 + n % 20)}{chr(65 + n % 20)} - KIND {chr(97 + n % 120 // 20) * 4}",
            "package_size": SIZES[n % 7 % 5],
        }
        for n in range(600)
    ]
    pd.DataFrame(rows).to_parquet(folder / "products.parquet")
    return str(folder)


def shipped():
    """conf/data/simulator.yaml as a dictionary, with its world."""
    option, world = (
        yaml.safe_load((conf_folder() / name).read_text()) for name in ("data/simulator.yaml", "world/shop.yaml")
    )
    return {key: value for key, value in option.items() if key != "defaults"} | {"world": world}


def make_world(folder, **changes):
    """A small world; `changes` are knobs by dotted name, with __ for the dot, or whole nodes such as drift."""
    node = shipped()["world"]
    for key, value in {**SMALL, "catalogue.folder": folder, **changes}.items():
        *path, last = key.replace("__", ".").split(".")
        place = node
        for name in path:
            place = place[name]
        place[last] = value
    return build(node, "data.world")


def drift(name, **knobs):
    return {"_target_": f"tfrec.simulator.tastes.{name}", **knobs}
