"""What docs/data.md shows is what happens."""

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tfrec.build import build
from tfrec.data import files, schema

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/data.md").read_text()


@pytest.fixture
def shop(tmp_path):
    """A folder with the files of the page."""
    written = re.findall(r"^`(\S+)`\n\n```csv\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in written] == ["shop/events.csv", "shop/items.csv"]
    (tmp_path / "shop").mkdir()
    for name, content in written:
        (tmp_path / name).write_text(content)
    return tmp_path


def command():
    """The words of the page's command, behind `python -m tfrec.run`."""
    (block,) = re.findall(r"^```bash\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    words = shlex.split(block.replace("\\\n", " "))
    assert words[:3] == ["python", "-m", "tfrec.run"]
    return words[3:]


def options():
    """The data options of the command as `load` takes them."""
    pairs = (word.removeprefix("data.").split("=", 1) for word in command() if word.startswith("data."))
    return {key: yaml.safe_load(value) for key, value in pairs}


def test_the_files_of_the_page_are_read_as_it_says(shop, monkeypatch):
    monkeypatch.chdir(shop)
    data = files.load(**options())
    assert len(data.events) == 13 and data.events.columns == ["user", "item", "timestamp", "store"]
    assert data.items["text"].to_dict() == {
        "t1": "Leaf Green tea",
        "m1": "Dairy Whole milk",
        "b1": "Mill Rye bread",
        "t2": "",
    }
    assert data.changes[["item", "text", "price"]].values.tolist() == [
        ["b1", "Mill Rye bread with seeds", 3.1],
        ["t2", "Leaf Black tea", 3.9],
    ]


def test_the_command_of_the_page_runs(shop):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TFREC_CACHE": str(shop / "cache")}
    env.pop("TF_USE_LEGACY_KERAS", None)  # set by tfrec in this process: a user's shell has not
    asked = [sys.executable, "-m", "tfrec.run", *command()]
    done = subprocess.run(asked, cwd=shop, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (results,) = (shop / "runs" / "run").glob("*/results.json")
    assert json.loads(results.read_text())["status"] == "finished"
    weeks = (results.parent / "stream.csv").read_text().splitlines()
    assert len(weeks) == 3  # a header, and weeks 1 and 2


def test_every_option_of_the_page_is_one(shop):
    known = yaml.safe_load((ROOT / "conf/data/files.yaml").read_text())
    named = {name for name in re.findall(r"data\.([a-z_]+)", PAGE)}
    assert named <= set(known) and "timestamp_unit" in named


def test_every_kind_of_fault_is_explained():
    for kind in schema.ADVICE:
        assert f"`{kind}`" in PAGE, f"'{kind}' is not in docs/data.md"


def test_the_option_file_of_the_page_is_enough(shop, monkeypatch):
    """With nothing but its name the same data is loaded as with the command's options."""
    (option,) = re.findall(r"^```yaml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    shutil.copytree(ROOT / "conf", shop / "conf")
    (shop / "conf/data/shop.yaml").write_text(option)
    with initialize_config_dir(version_base="1.3", config_dir=str(shop / "conf")):
        node = OmegaConf.to_container(compose("config", overrides=["data=shop"]).data)
    assert {key: node[key] for key in options()} == options()
    monkeypatch.chdir(shop)
    loaded, expected = build(node, "data"), files.load(**options())
    for name in ("items", "changes"):
        pd.testing.assert_frame_equal(getattr(loaded, name), getattr(expected, name))
    pd.testing.assert_frame_equal(loaded.events.rows(0, 13), expected.events.rows(0, 13))


def test_every_argument_is_an_option_with_a_comment_and_the_same_default():
    text = (ROOT / "conf/data/files.yaml").read_text()
    assert all("#" in line for line in text.splitlines() if not line.startswith("_target_"))
    arguments = inspect.signature(files.load).parameters
    defaults = {name: "???" if p.default is p.empty else p.default for name, p in arguments.items()}
    assert yaml.safe_load(text) == {"_target_": "tfrec.data.files.load", **defaults}
