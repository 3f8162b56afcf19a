"""Sweeps in one process and in several: a failing job leaves the others standing, and is told where it was started."""

import json
import pickle
from importlib.util import find_spec

import pytest
import yaml

from tests.small_runs import ROOT, TINY, python, write_data
from tfrec import failures

# Two runs that fail, each in its way, and one that does not.
FOLDERS = ["nowhere", "crash", "good"]
FAULTY = """
from tfrec.data import complete_journey

def load(folder, **options):
    if folder == "crash":
        raise ZeroDivisionError("nobody to share with")
    return complete_journey.load(folder, **options)
"""
NOWHERE = "error: The data folder nowhere is not there: set data.folder to one that is."
CRASH = "error: ZeroDivisionError: nobody to share with (the traceback is in "
ALL = [*TINY, "data._target_=faulty.load"]
SWEEP = ["-m", "tfrec.run", "-m", *ALL, "data.folder=" + ",".join(FOLDERS)]
LAUNCHERS = {
    "basic": SWEEP,
    "joblib": [*SWEEP, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit_local": [*SWEEP, "hydra/launcher=submitit_local"],
}
if find_spec("hydra_plugins.hydra_ray_launcher"):  # not in the lock, see setup.cfg
    LAUNCHERS["ray"] = [*SWEEP, "hydra/launcher=ray"]
SEARCH = [
    *["-m", "tfrec.run", "-m", *ALL, "resume=auto", "hydra/sweeper=optuna", "hydra.sweeper.direction=maximize"],
    *["hydra.sweeper.sampler.seed=0", "hydra.sweeper.n_trials=8", "hydra.sweeper.n_jobs=1", "seed=choice(0,1)"],
]
OF_SOME = [*SEARCH, "data.folder=choice(nowhere,good)"]
OF_NOTHING = [*SEARCH, "data.folder=choice(nowhere,crash)"]
# Hydra's plugins start processes alike, so one beside the basic launcher is tested by default.
NAMES = [pytest.param(name, marks=[] if name in ("basic", "joblib") else pytest.mark.slow) for name in LAUNCHERS]
COMMANDS = {**LAUNCHERS, "search": OF_SOME, "search of nothing": OF_NOTHING}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    write_data(home / "good")
    (home / "code").mkdir()
    (home / "code" / "faulty.py").write_text(FAULTY)
    return home


@pytest.fixture(scope="module")
def run(home):
    """Runs a command in the folder of its name, where it may be run again."""

    def run(name):
        folder = home / name.replace(" ", "_")
        folder.mkdir(exist_ok=True)
        if not (folder / "good").is_symlink():
            (folder / "good").symlink_to(home / "good")
        path = f"{ROOT}:{home / 'code'}"
        return python(COMMANDS[name], folder, home / "cache", PYTHONPATH=path, RAY_AUTH_MODE="disabled"), folder

    return run


@pytest.fixture(scope="module")
def results(run):
    """What a command did and where, by its name; each is run once."""

    class Results(dict):
        def __missing__(self, name):
            self[name] = run(name)
            return self[name]

    return Results()


def written(folder):
    """`results.json` of each run in a folder of runs, by the run's folder."""
    return {path.parent: json.loads(path.read_text()) for path in folder.rglob("results.json")}


def data_of(run):
    (folder,) = (each for each in run["overrides"] if each.startswith("data.folder="))
    return folder.removeprefix("data.folder=")


@pytest.mark.parametrize("launcher", NAMES)
def test_failing_jobs_leave_the_others_standing(results, launcher):
    done, folder = results[launcher]
    runs = written(folder)
    assert sorted(map(data_of, runs.values())) == sorted(FOLDERS)  # a folder each
    for path, run in runs.items():
        assert run["status"] == ("finished" if data_of(run) == "good" else "failed")
        assert f"data.folder={data_of(run)}" in path.name
        log = (path / "run.log").read_text()
        assert ("period 4: " in log) == (data_of(run) == "good")
        assert ("ZeroDivisionError" in log) == (data_of(run) == "crash")


@pytest.mark.parametrize("launcher", NAMES)
def test_failing_jobs_are_told_where_the_sweep_was_started(results, launcher):
    done, folder = results[launcher]
    failed = {data_of(run): path.name for path, run in written(folder).items() if run["status"] == "failed"}
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert sorted(line.startswith(NOWHERE) for line in told) == [False, True]
    assert sorted(line.startswith(CRASH) and failed["crash"] in line for line in told) == [False, True]
    assert done.returncode == 1
    (last,) = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]  # Ray's workers may add lines
    assert last in {f"failed: {failed[a]}, {failed[b]}" for a, b in (("nowhere", "crash"), ("crash", "nowhere"))}
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("launcher", NAMES[1:])
def test_a_run_is_the_same_in_another_process(results, launcher):
    """Seed, environment, configuration and order of the work reach the launcher's process."""

    def good(name):
        return next(path for path, run in written(results[name][1]).items() if run["status"] == "finished")

    assert (good(launcher) / "stream.csv").read_bytes() == (good("basic") / "stream.csv").read_bytes()
    assert (good(launcher) / "config.yaml").read_bytes() == (good("basic") / "config.yaml").read_bytes()


@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.slow)])
def test_a_finished_run_is_not_run_again(results, run, launcher, monkeypatch):
    _, folder = results[launcher]
    before = {path: run["seconds"] for path, run in written(folder).items() if run["status"] == "finished"}
    monkeypatch.setitem(COMMANDS, launcher, [*LAUNCHERS[launcher], "resume=auto"])
    done, folder = run(launcher)
    assert done.returncode == 1 and NOWHERE in done.stderr.splitlines()
    assert len(written(folder)) == len(FOLDERS)
    after = {path: run["seconds"] for path, run in written(folder).items() if run["status"] == "finished"}
    assert len(before) == 1 and after == before


@pytest.mark.slow
def test_a_search_takes_the_best_of_the_runs_that_finished(results, run):
    done, folder = results["search"]
    runs = written(folder)
    finished = {path: run for path, run in runs.items() if run["status"] == "finished"}
    values = {run["seed"]: run["metrics"]["eval/all/ndcg@10"] for run in finished.values()}
    assert {data_of(run) for run in finished.values()} == {"good"} and set(values) == {0, 1}
    best = max(values, key=values.get)
    assert min(values.values()) < values[best]
    (found,) = folder.rglob("optimization_results.yaml")
    expected = {"name": "optuna", "best_params": {"data.folder": "good", "seed": best}, "best_value": values[best]}
    assert yaml.safe_load(found.read_text()) == expected
    assert done.returncode == 1 and 0 < done.stderr.count(NOWHERE) == len(runs) - len(finished)

    found.unlink()
    done, folder = run("search")  # goes the same way again, and a run that is finished gives its value again
    assert yaml.safe_load(found.read_text()) == expected
    again = written(folder)
    assert set(again) == set(runs) and all(again[path] == run for path, run in finished.items())


def test_a_search_of_which_nothing_finished_says_so(results):
    done, folder = results["search of nothing"]
    assert done.returncode == 1 and "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert lines[-2] == "error: ValueError: No trials are completed yet."  # Optuna's words
    assert lines[-1].startswith("failed: ") and lines[-1].count("data.folder=") == len(written(folder)) > 0


def test_a_failure_is_told_once_and_only_where_the_user_is(monkeypatch, capsys):
    monkeypatch.setattr(failures, "_told", None)
    sent = pickle.dumps(failures.Failed("a", "It broke."))
    assert capsys.readouterr().err == ""
    told = failures.listen()
    for _ in range(2):
        assert pickle.loads(sent).run == "a"
    assert told == {"a": "It broke."} and capsys.readouterr().err == "error: It broke.\n"
    with pytest.raises(TypeError):
        float(pickle.loads(sent))  # no search may take it for a value
