"""Everything in conf/ can be chosen: every experiment runs for two periods, every option builds."""

import json
import math
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tfrec.build import build
from tfrec.errors import InputError
from tfrec.experiment import run_job
from tfrec.folders import conf_folder
from tfrec.strategies.strategy import Strategy

CONF = conf_folder()
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
# What a group's pieces must offer to be used in a run.
OFFERS = {
    "model": ("tfrs_model", "features", "grow", "admit", "start_rows", "trains"),
    "loop": ("run",),
    "baseline": ("score",),
    "strategy": ("augment", "penalty", "gradients", "after_step", "consolidate", "state", "restore"),
    "step": ("items", "events", "fit"),
    "balance": ("build", "weights", "consolidate", "state", "restore"),
    "trigger": ("__call__",),
    "encoder": ("tokenize", "fingerprint", "dim"),
    "peft": ("adapt", "name", "strategies"),
    "optimizer": ("apply_gradients",),
    "slice": ("__call__",),
    "probe": ("start", "set", "before_update", "after_update", "finish"),
    "runtime": ("start", "strategy", "jit_compile", "profile"),
    "precision": ("start", "optimizer"),
    "evaluate": ("metrics", "__call__"),
}
PIECES = sorted(
    (path.parent.name, path.stem)
    for path in CONF.glob("*/*.yaml")
    if path.parent.name in OFFERS and path.stem not in ("none", "preset", "gpu")
)


def composed(*overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("config", overrides=list(overrides))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment(name, tmp_path):
    cfg = composed(f"+experiment={name}", "+debug=tiny")
    run_job(cfg, tmp_path / name, [f"+experiment={name}", "+debug=tiny"], {})
    results = json.loads((tmp_path / name / "results.json").read_text())
    assert results["status"] == "finished" and results["name"] == cfg.name
    headline = cfg.evaluate.metrics[0]
    assert (f"eval/all/{headline}" if "@" in headline else f"eval/{headline}") in results["metrics"]
    scores = {tag: value for tag, value in results["metrics"].items() if tag.startswith(("eval/", "baseline/"))}
    assert all(math.isfinite(value) and value >= 0 for value in scores.values())
    assert all(value <= 1 for tag, value in scores.items() if "@" in tag and "novelty@" not in tag)  # those are bits
    rows = (tmp_path / name / "stream.csv").read_text().splitlines()
    assert len(rows) == 3  # the names and two periods


def test_strategies_combine_and_repeat(tmp_path):
    """The same command twice, strategies on: the same stream.csv, byte for byte."""
    overrides = ["+experiment=quickstart", "baseline=none", "strategy=[replay]", "model.dropout=0.1", "+debug=tiny"]
    for run in ("one", "two"):
        run_job(composed(*overrides), tmp_path / run, overrides, {})
    assert (tmp_path / "one/stream.csv").read_bytes() == (tmp_path / "two/stream.csv").read_bytes()


def test_never_updating_is_the_frozen_baseline(tmp_path):
    overrides = ["+experiment=quickstart", "baseline=frozen", "trigger=never", "+debug=tiny"]
    run_job(composed(*overrides), tmp_path, overrides, {})
    metrics = json.loads((tmp_path / "results.json").read_text())["metrics"]
    for tag, value in metrics.items():
        if tag.startswith("eval/"):
            assert math.isclose(value, metrics["baseline/frozen/" + tag.removeprefix("eval/")], rel_tol=1e-6)


@pytest.mark.parametrize("group, option", PIECES)
def test_piece(group, option):
    """Builds alone from its file, offers what its group must, and says in its file what it is."""
    text = Path(CONF / group / f"{option}.yaml").read_text()
    assert text.startswith("#"), "the first line of an option says what it is"
    node = OmegaConf.to_container(composed(f"{group}={option}")[group])
    nodes = node.values() if group in ("strategy", "baseline", "step", "slice") else [node]
    for number, entry in enumerate(nodes):
        piece = build(entry, f"{group}.{number}", seed=0, encoder=encoder() if group == "model" else None)
        for name in OFFERS[group]:
            assert hasattr(piece, name), f"{group}={option} has no {name}"
        assert group != "strategy" or isinstance(piece, Strategy)
        assert group != "model" or hasattr(piece, "score") or hasattr(piece, "query_embeddings")


def encoder():
    return build(OmegaConf.to_container(composed("encoder=bert_tiny").encoder), "encoder", seed=0)


def test_a_baseline_as_the_model_ranks_as_it_does_beside_one(tmp_path):
    """`baseline@model.scorer=...` chooses it; there is nothing to learn, and a run is resumed from its checkpoint."""
    overrides = ["+experiment=quickstart", "encoder=none", "model=counting", "baseline@model.scorer=own_items"]
    overrides += ["baseline=own_items", "+debug=tiny", "encoder=none"]
    run_job(composed(*overrides), tmp_path, overrides, {})
    metrics = json.loads((tmp_path / "results.json").read_text())["metrics"]
    beside = {tag: value for tag, value in metrics.items() if tag.startswith("baseline/own_items/")}
    assert beside and metrics["cost/traces"] == 0
    for tag, value in beside.items():
        name = tag.removeprefix("baseline/own_items/")
        assert metrics[name if name.startswith("slice/") else f"eval/{name}"] == value


@pytest.mark.parametrize("words", [["model=counting"], ["model=biased_mf", "peft=adalora"]])
def test_a_peft_of_a_model_that_reads_no_texts_is_a_sentence(words, tmp_path):
    overrides = ["+experiment=quickstart", "peft=lora", "baseline=none", "+debug=tiny", *words]
    with pytest.raises(InputError, match="peft=(lora|adalora) adapts a text encoder, and .* does not learn one"):
        run_job(composed(*overrides), tmp_path, overrides, {})


def test_what_needs_towers_refuses_a_model_without_them(tmp_path):
    overrides = ["+experiment=quickstart", "model=counting", "baseline=frozen", "+debug=tiny", "encoder=none"]
    with pytest.raises(InputError, match="Untrained has no two towers.*choose model=two_tower"):
        run_job(composed(*overrides), tmp_path, overrides, {})
