"""Where options are and which folder a run gets."""

import json

import pytest
import yaml

from tfrec.folders import conf_folder, flat_name, run_folder, status

OVERRIDES = ["+experiment=quickstart", "seed=1", "strategy=[replay,ewc]"]


def make_run(parent, name, state, overrides=OVERRIDES):
    folder = parent / name
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    if state is not None:
        (folder / "results.json").write_text(json.dumps({"status": state, "metrics": {"eval/all/ndcg@10": 1e-05}}))
    return str(folder)


def test_the_options_are_there():
    groups = {path.name for path in conf_folder().iterdir() if path.is_dir()}
    assert (conf_folder() / "config.yaml").is_file()
    assert {"data", "encoder", "experiment", "loop", "model", "strategy"} <= groups


@pytest.mark.parametrize("state", ["running", "failed", "finished", None])
def test_status_is_that_of_the_results(tmp_path, state):
    make_run(tmp_path, "run", state)
    assert status(tmp_path / "run") == state
    assert status(tmp_path / "no such folder") is None


def test_a_fresh_run_gets_a_new_folder(tmp_path):
    make_run(tmp_path, "2024-01-01", "failed")
    assert run_folder(str(tmp_path), "2024-01-02", "never", str(OVERRIDES)) == str(tmp_path / "2024-01-02")
    assert run_folder(str(tmp_path / "nothing yet"), "now", "auto", str(OVERRIDES)) == str(tmp_path / "nothing yet/now")


@pytest.mark.parametrize("state", ["running", "failed"])
def test_resuming_takes_the_newest_unfinished_run_of_the_same_command(tmp_path, state):
    make_run(tmp_path, "2024-01-01", state)
    wanted = make_run(tmp_path, "2024-01-02", state)
    make_run(tmp_path, "2024-01-03", "finished")
    make_run(tmp_path, "2024-01-04", state, [*OVERRIDES, "loop.epochs=3"])
    make_run(tmp_path, "2024-01-05", None)  # stopped before it wrote anything
    (tmp_path / "2024-01-06").mkdir()  # no run at all
    assert run_folder(str(tmp_path), "fresh", "auto", str([*OVERRIDES, "resume=auto"])) == wanted


def test_the_word_resume_does_not_make_it_another_command(tmp_path):
    wanted = make_run(tmp_path, "2024-01-01", "running", ["resume=auto", *OVERRIDES])
    assert run_folder(str(tmp_path), "fresh", "auto", str([*OVERRIDES, "resume=auto"])) == wanted


@pytest.mark.parametrize("overrides", [[], ["seed=2"], [*OVERRIDES, "name=other"], OVERRIDES[::-1]])
def test_another_command_is_not_resumed(tmp_path, overrides):
    make_run(tmp_path, "2024-01-01", "running", overrides)
    assert run_folder(str(tmp_path), "fresh", "auto", str(OVERRIDES)) == str(tmp_path / "fresh")


def test_a_command_without_choices_can_be_resumed(tmp_path):
    wanted = make_run(tmp_path, "2024-01-01", "running", ["resume=auto"])
    assert run_folder(str(tmp_path), "fresh", "auto", "['resume=auto']") == wanted


def test_the_name_of_a_sweeps_folder_is_one_that_can_be_made(tmp_path):
    assert flat_name("data.folder=a/b,seed=1") == "data.folder=a_b,seed=1"
    fits = "é" * 127 + "x"  # 2 * 127 + 1 bytes, as many as a name may have
    assert flat_name(fits) == fits
    long = {flat_name(f"{fits},seed={seed}") for seed in range(3)}
    assert len(long) == 3  # what differs beyond the end still does
    for name in (fits, *long):
        (tmp_path / name).mkdir()
