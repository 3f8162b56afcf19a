"""The command line as a user meets it: each mistake ends with one sentence that says what to do."""

import json
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from tests.small_runs import TINY, python, write_data

TYPO = "# @package _global_\nname: typo\nlop:\n  epochs: 3\n"
RUN = ["-m", "tfrec.run"]
IMPORTS = ["-X", "importtime", *RUN]
KERAS_FIRST = ["-c", "import tensorflow as tf; tf.keras; import tfrec"]

# What a user types, and what standard error must say.
MISTAKES = {
    "a misspelt key inside an experiment file": (
        [*RUN, "--config-dir", "../conf", "+experiment=typo", "data.folder=good"],
        "error: The configuration has no key 'lop': did you mean 'loop'?",
    ),
    "a misspelt key of a component": (
        [*RUN, *TINY, "data.folder=good", "+model.dimm=3"],
        "error: model has no key 'dimm': did you mean 'dim'?",
    ),
    "a key that must be chosen": (
        [*RUN, *TINY, "data.folder=good", "encoder=preset"],
        "error: Set encoder.preset: Missing mandatory value: preset.",
    ),
    "a misspelt key without a plus": ([*RUN, *TINY, "model.dimm=3"], "use +model.dimm=3"),
    "an unknown experiment": ([*RUN, "+experiment=quikstart"], "Could not find 'experiment/quikstart'"),
    "an unknown strategy": ([*RUN, "strategy=[replai]"], "error: strategy=replai is not there: choose of "),
    "an unknown option": ([*RUN, "model=three_tower"], "Could not find 'model/three_tower'"),
    "Keras 3 before tfrec": (KERAS_FIRST, "import tfrec first, or set TF_USE_LEGACY_KERAS=1"),
    "a missing folder": (
        [*RUN, *TINY, "data.folder=nowhere"],
        "error: The data folder nowhere is not there: set data.folder to one that is.",
    ),
}
BAD_DATA = {
    "nowhere": "The data folder nowhere is not there: set data.folder to one that is.",
    "dropped": "transactions.parquet has no column 'transaction_timestamp' (it has household_id, product_id): add it",
    "missing": "transactions.parquet, row 7, column 'user' is missing (1 such rows): fill it in or remove the rows.",
    "gap": "Period 3 has no events, so there is nothing to score or to learn: use a longer stream.period",
    "short": "The stream has periods 0 to 2, but loop.base=3 and loop.last=4 ask for",
}
COMMANDS = {
    "help": [*IMPORTS, "--help"],
    "cfg": [*IMPORTS, *TINY, "--cfg", "job"],
    **{name: command for name, (command, _) in MISTAKES.items()},
    "sweep": [*RUN, "-m", *TINY, "data.folder=" + ",".join([*BAD_DATA, "good"])],
}


def days_between(first, last):
    """Drops the events of these days after the first event."""

    def change(events):
        times = events["transaction_timestamp"]
        day = (times - times.iloc[0]) // pd.Timedelta("1D")
        return events[(day < first) | (day >= last)]

    return change


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Every command, run by two processes at a time, each in its own folder."""
    home = tmp_path_factory.mktemp("home")
    write_data(home / "data" / "good")
    write_data(home / "data" / "dropped", lambda events: events.drop(columns="transaction_timestamp"))
    write_data(
        home / "data" / "missing",
        lambda events: events.assign(household_id=events["household_id"].where(events.index != 7)),
    )
    write_data(home / "data" / "gap", days_between(21, 28))  # the fourth week, the first that is scored
    write_data(home / "data" / "short", days_between(22, 99))  # three whole weeks are left
    (home / "conf" / "experiment").mkdir(parents=True)
    (home / "conf" / "experiment" / "typo.yaml").write_text(TYPO)

    def run(name):
        folder = home / name.replace(" ", "_")
        folder.mkdir()
        for data in (home / "data").iterdir():
            (folder / data.name).symlink_to(data)
        return python(COMMANDS[name], folder, home / "cache"), folder

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(COMMANDS, pool.map(run, COMMANDS), strict=True))


def written(folder):
    """What the runs in a folder say of themselves, by the name of the run's folder."""
    return {path.parent.name: json.loads(path.read_text()) for path in folder.rglob("results.json")}


def sentences(done):
    """What standard error says of mistakes; TensorFlow says things of its own there."""
    assert "Traceback" not in done.stderr + done.stdout
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    "name, expected", [("help", "quickstart, repeat_aware, search"), ("cfg", "_target_: tfrec.models")]
)
def test_questions_are_answered_without_tensorflow(results, name, expected):
    done, folder = results[name]
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "hydra" in imported and not imported & {"tensorflow", "keras", "tf_keras", "pandas"}
    assert all(path.is_symlink() for path in folder.iterdir())  # nothing is written


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_ends_with_a_sentence(results, name):
    (done, folder), (command, sentence) = results[name], MISTAKES[name]
    assert done.returncode != 0
    assert sentence in done.stderr
    if command[:2] == RUN:
        assert len(sentences(done)) == sentence.startswith("error: ")  # the others are Hydra's own sentences
    assert all(run["status"] == "failed" for run in written(folder).values())


def test_bad_data_is_a_sentence_each(results):
    done, _ = results["sweep"]
    for line, expected in zip(sentences(done), BAD_DATA.values(), strict=True):
        assert expected in line


def test_bad_runs_do_not_stop_a_sweep(results):
    """Five runs on bad data go before the one on good data; the sweep ends with their names and an exit code."""
    done, folder = results["sweep"]
    runs = written(folder)
    assert len(runs) == len(BAD_DATA) + 1
    for name, run in runs.items():
        data = run["overrides"][-1].removeprefix("data.folder=")
        assert f"data.folder={data}" in name
        assert run["status"] == ("finished" if data == "good" else "failed")
        assert data == "good" or BAD_DATA[data] in run["reason"]
    (good,) = (run for run in runs.values() if run["status"] == "finished")
    assert 0 < good["metrics"]["eval/all/ndcg@10"] < 1
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("failed: ") and last.count("data.folder=") == len(BAD_DATA) and "good" not in last
