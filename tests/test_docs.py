"""What the documents show works, and what runs log is documented."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfrec.best_lists import KINDS
from tfrec.experiment import run_job
from tfrec.folders import conf_folder
from tfrec.metrics import ranking
from tfrec.metrics.prequential import LOSSES, OF_SETS

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path):
    """A copy of the code with the files of docs/extending.md written where the page says."""
    copy = tmp_path / "copy"
    for folder in ("tfrec", "conf", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "docs/extending.md").read_text()
    files = re.findall(r"^`((?:tfrec|conf|tests)/\S+)`\n\n```\w+\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == [
        "tfrec/strategies/clip.py",
        "conf/strategy/clip.yaml",
        "tests/strategies/test_clip.py",
    ]
    for name, content in files:
        (copy / name).write_text(content)
    return copy


def test_the_strategy_of_the_page_passes_its_test_and_the_contract(checkout):
    tests = ["tests/strategies/test_clip.py", "tests/strategies/test_contract.py", "-k", "clip"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = subprocess.run([*command, "--rootdir", ".", *tests], cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_every_tag_that_a_run_logs_is_explained(tmp_path):
    """Tags of a tiny run, with names, views and metrics replaced by the placeholders of docs/tags.md."""
    overrides = [
        "+experiment=quickstart",
        "probe=period_matrix",
        "baseline=[popularity,old_index]",
        "loop.validation=1",
    ]
    overrides += ["baseline=[popularity,old_index]", "evaluate.metrics=[ndcg@10,churn@10,coverage@10,novelty@5]"]
    overrides += ["+debug=tiny", "stream.users=100"]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        run_job(compose("config", overrides=overrides), tmp_path, overrides, {})
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    results = json.loads((tmp_path / "results.json").read_text())
    page = (ROOT / "docs/tags.md").read_text()
    for tag in {*events.Tags()["tensors"], *results["metrics"]}:
        if tag.startswith("_hparams_"):
            continue
        view, metric = r"(all|repeat|novel)", r"(\w+)@\d+"
        known = re.sub(rf"{view}/{metric}$", "<view>/<metric>@<k>", tag)
        known = re.sub(r"^final/.*", "final/<tag>", known)
        known = re.sub(r"^baseline/\w+/", "baseline/<name>/", known)
        known = re.sub(r"slice/\w+/", "slice/<slice>/", known)
        known = re.sub(r"^index/\w+/lag", "index/<name>/lag", known)
        known = re.sub(r"staleness/\d+", "staleness/<d>", known)
        known = re.sub(rf"^pairs/(slice/<slice>/)?{view}$", r"pairs/\1<view>", known)
        known = known if known == "train/loss" else re.sub(r"^train/\w+$", "train/<task>", known)
        assert f"`{known}`" in page, f"{tag} is not in docs/tags.md"


def test_every_metric_is_defined():
    page = (ROOT / "docs/tags.md").read_text()
    for name in (*ranking.METRICS, *KINDS):
        assert f"`{name}@k`" in page, name
    for name in (*LOSSES, *OF_SETS):
        assert re.search(rf"^\| .*`{name}`.* \|", page, re.MULTILINE), name
