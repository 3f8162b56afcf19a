"""Runs that take seconds, started as a user starts them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.toy import make_interactions

ROOT = Path(__file__).parents[1]
TINY = "+experiment=quickstart +debug=tiny stream.users=15 encoder=none model.new_items=mean baseline=none".split()


def write_data(folder, change=lambda events: events):
    """The toy log in the columns of Complete Journey."""
    interactions = make_interactions()
    names = {"user": "household_id", "item": "product_id", "timestamp": "transaction_timestamp"}
    products = interactions.items.rename_axis("product_id").reset_index()
    products["product_type"] = products.pop("text")
    products["department"] = products["product_category"] = products.pop("kind")
    folder.mkdir(parents=True)
    change(interactions.events.rename(columns=names)).to_parquet(folder / "transactions.parquet")
    products.assign(brand="National", package_size="1 OZ").to_parquet(folder / "products.parquet")


def python(arguments, folder, cache, **environment):
    """Runs Python with this checkout's tfrec in `folder`, in the environment of a user's shell."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TFREC_CACHE": str(cache), **environment}
    env.pop("TF_USE_LEGACY_KERAS", None)  # set by tfrec in this process: a user's shell has not
    asked = [sys.executable, *arguments]
    return subprocess.run(asked, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
