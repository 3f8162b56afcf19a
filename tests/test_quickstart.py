"""The quickstart as a user runs it, against its record."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from tfrec.experiment import run_job
from tfrec.folders import conf_folder

RECORD = Path(__file__).resolve().parent.parent / "experiments/quickstart/results.csv"


@pytest.mark.slow
def test_updating_pays_and_the_record_is_found_again(tmp_path):
    """Seed 0: the scorers' order, and each mean within 0.002 of the record: another machine rounds differently."""
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        run_job(compose("config", overrides=["+experiment=quickstart"]), tmp_path, ["+experiment=quickstart"], {})
    results = json.loads((tmp_path / "results.json").read_text())
    metrics = results["metrics"]
    names = ("eval", "baseline/frozen", "baseline/stale", "baseline/popularity")
    scores = [metrics[f"{name}/all/ndcg@10"] for name in names]
    assert scores == sorted(scores, reverse=True)
    record = pd.read_csv(RECORD).set_index("seed").loc[0]
    for tag, value in metrics.items():
        if "@" in tag:
            assert value == pytest.approx(record[tag], abs=0.002), tag
    assert metrics["cost/peak_memory_bytes"] < 6 * 2**30
