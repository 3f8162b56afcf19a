"""A study goes on from its table."""

import json
import sys
from threading import Barrier

import pandas as pd
import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from tfrec import study, study_table
from tfrec.errors import InputError

TEXT = {
    "runs": "runs/toy",
    "results": "results.csv",
    "seeds": [0, 1],
    "always": ["+experiment=toy"],
    "methods": [[], ["strategy=[replay]"], ["strategy=[replay]", "strategy.replay.ratio=null"]],
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The commands of a study whose runs write their results at once; those with `fails` in a word fail."""
    monkeypatch.chdir(tmp_path)
    commands = []

    class Done:
        def __init__(self, command, stdout=None, stderr=None):
            commands.append(command[3:])
            OverridesParser.create().parse_overrides(command[3:])
            options = dict(word.split("=", 1) for word in command[3:])
            folder = tmp_path / options.pop("hydra.run.dir")
            self.returncode = int("fails" in options)
            if not self.returncode:
                folder.mkdir(parents=True, exist_ok=True)
                words = [word for word in command[3:] if not word.startswith(("hydra.", "resume="))]
                score = len(words) / 10 + int(options["seed"])
                facts = {"name": "toy", "seed": int(options["seed"]), "commit": "abc", "seconds": 1.0}
                facts |= {"overrides": words, "status": "finished", "metrics": {"eval/all/ndcg@10": score}}
                (folder / "results.json").write_text(json.dumps(facts))
                stream = "period,eval/all/ndcg@10,pairs/all,baseline/popularity/all/ndcg@10,cost/steps\n"
                (folder / "stream.csv").write_text(stream + f"4,{score - 0.01},9,0.5,3\n5,{score + 0.01},9,0.5,3\n")

    monkeypatch.setattr(study.subprocess, "run", Done)
    return commands


def told(tmp_path, **changes):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(TEXT | changes))
    return study.Study.of(path)


def test_all_methods_run_with_each_seed_and_stand_in_the_table(tmp_path, made):
    assert study.run(told(tmp_path)) == []
    table = pd.read_csv(tmp_path / "results.csv", dtype=str)
    assert table["seed"].tolist() == ["0"] * 3 + ["1"] * 3
    assert table["strategy"].tolist()[1:3] == ["[replay]"] * 2 and pd.isna(table["strategy"][0])
    assert list(table.columns)[:4] == ["+experiment", "strategy", "strategy.replay.ratio", "name"]
    assert float(table["eval/all/ndcg@10"][1]) == pytest.approx(0.3)  # experiment, strategy and seed: three words
    periods = pd.read_csv(tmp_path / "results_periods.csv")
    assert periods["period"].tolist() == [4, 5] * 6 and periods["seed"].tolist() == [0] * 6 + [1] * 6
    assert list(periods.columns)[3:] == ["name", "seed", "period", "eval/all/ndcg@10", "cost/steps"]
    means = periods.groupby(["seed", periods.index // 2])["eval/all/ndcg@10"].mean().to_numpy()
    assert means == pytest.approx(table["eval/all/ndcg@10"].astype(float).to_numpy())
    assert all(command[-1].startswith("hydra.run.dir=runs/toy/") for command in made)


def test_a_study_that_was_stopped_goes_on_and_a_new_method_costs_its_own_runs_only(tmp_path, made):
    study.run(told(tmp_path))
    first = (tmp_path / "results.csv").read_text()
    assert study.run(told(tmp_path)) == [] and len(made) == 6
    assert (tmp_path / "results.csv").read_text() == first
    table = pd.read_csv(tmp_path / "results.csv", dtype=str, keep_default_na=False)
    table.drop(index=[1, 4]).to_csv(tmp_path / "results.csv", index=False)
    study.run(told(tmp_path, methods=[*TEXT["methods"], ["loop.window=4"]]), None)
    assert sorted(" ".join(command[1:-3]) for command in made[6:]) == sorted(["strategy=[replay]", "loop.window=4"] * 2)
    again = pd.read_csv(tmp_path / "results.csv", dtype=str, keep_default_na=False)
    assert len(pd.read_csv(tmp_path / "results_periods.csv")) == 2 * 8
    assert len(again) == 8 and not again.duplicated(["strategy", "strategy.replay.ratio", "loop.window", "seed"]).any()


def test_a_run_that_fails_stops_no_other_and_is_told(tmp_path, made, monkeypatch, capsys):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(TEXT | {"methods": [["fails=1"], []]}))
    monkeypatch.setattr(sys, "argv", ["study", str(path)])
    with pytest.raises(SystemExit) as end:
        study.main()
    assert "these runs failed:\npython -m tfrec.run +experiment=toy fails=1 seed=0" in str(end.value)
    assert len(pd.read_csv(tmp_path / "results.csv")) == 2


def test_no_run_is_begun_after_its_time(tmp_path, made):
    study.run(told(tmp_path), minutes=-1)
    assert made == []


def test_a_table_is_read_with_its_words_and_its_methods_have_short_names(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(
        "+experiment,stream.period,loop.window,strategy,memory@strategy.replay.memory,strategy.replay.ratio,name,seed,x\n"
        "toy,7D,null,,,,toy,0,0.5\n"
        'toy,7D,,"[replay,ewc]",ring,0.50,toy,1,\n'
        "toy,7D,,,,,toy,2,1\n"
    )
    table = study_table.read_table(path)
    assert table["x"][0] == 0.5 and pd.isna(table["x"][1]) and table["seed"].tolist() == [0, 1, 2]
    found = study_table.methods(table, ["stream.period"]).tolist()
    assert found == ["window=null", "replay,ewc ring replay.ratio=0.50", ""]


def test_runs_at_once_have_cores_of_their_own_and_stand_in_one_table(tmp_path, made, monkeypatch):
    taken, both = [], Barrier(2, timeout=20)
    monkeypatch.setattr(study.os, "sched_getaffinity", lambda thread: {2, 3, 5}, raising=False)
    monkeypatch.setattr(study.os, "sched_setaffinity", lambda thread, cores: taken.append(cores), raising=False)
    done = study.subprocess.run

    def run(command, stdout, stderr):
        both.wait()  # six runs in three pairs: without a second one beside it, a run would wait for ever
        stdout.write("what it says")
        return done(command)

    monkeypatch.setattr(study.subprocess, "run", run)
    assert study.run(told(tmp_path), jobs=2) == []
    assert sorted(taken) == [[2, 3], [5]]
    assert len(pd.read_csv(tmp_path / "results.csv")) == 6 and len(pd.read_csv(tmp_path / "results_periods.csv")) == 12
    assert (tmp_path / "runs/toy/plain/seed-0.log").read_text() == "what it says"
    with pytest.raises(InputError, match="--jobs 4 was asked for: this machine has 1 to 3 for you"):
        study.run(told(tmp_path), jobs=4)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"more": 1}, "a study says runs, results, seeds, always, methods"),
        ({"seeds": 3}, "seeds is 3, which is no list"),
        ({"methods": [["a=1", "b=2"], ["b=2", "a=1"]]}, r"has the method \['.=.', '.=.'\] twice"),
    ],
)
def test_what_is_no_study_is_a_sentence(tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        told(tmp_path, **changes)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="is not there: name the file of a study"):
        study.Study.of(tmp_path / "study.yaml")
