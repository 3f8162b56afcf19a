"""A second run of an experiment finds what the first one left."""

import re

from tests.small_runs import TINY, python, write_data


def test_a_second_run_encodes_no_text_and_gives_the_same(tmp_path):
    write_data(tmp_path / "data")
    options = [*(o for o in TINY if not o.startswith(("encoder", "model"))), "data.folder=data"]
    logs = []
    for name in ("first", "second"):
        done = python(["-m", "tfrec.run", *options, f"hydra.run.dir={name}"], tmp_path, tmp_path / "cache")
        assert done.returncode == 0, done.stderr
        logs.append((tmp_path / name / "run.log").read_text())
    assert re.search(r"encoded (\d+) of \1 texts", logs[0])
    assert "encoded" not in logs[1]
    first, second = ((tmp_path / name / "stream.csv").read_bytes() for name in ("first", "second"))
    assert first == second
