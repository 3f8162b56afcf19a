import json

import pytest

from tfrec.errors import InputError
from tfrec.results import read


def write(folder, seed, *overrides, status="finished"):
    folder.mkdir(parents=True)
    result = {"name": "toy", "seed": seed, "status": status, "commit": "abc", "seconds": 1.5}
    result |= {
        "overrides": ["+experiment=toy", f"seed={seed}", "loop.epochs=2", *overrides],
        "metrics": {"eval/all/ndcg@10": seed / 4},
    }
    (folder / "results.json").write_text(json.dumps(result))


def test_one_row_a_finished_run(tmp_path, capsys):
    write(tmp_path / "seed=0", 0)
    write(tmp_path / "seed=1", 1)
    write(tmp_path / "seed=2", 2, status="failed")
    table = read([tmp_path])
    assert table["seed"].tolist() == [0, 1] and table["eval/all/ndcg@10"].tolist() == [0, 0.25]
    assert table["+experiment"].tolist() == ["toy"] * 2 and table["loop.epochs"].tolist() == ["2"] * 2
    assert "seed=2 is failed" in capsys.readouterr().err


def test_overrides_come_before_metrics_whichever_run_has_them(tmp_path):
    write(tmp_path / "a", 0)
    write(tmp_path / "b", 0, "model/tower=mlp")
    table = read([tmp_path])
    facts = ["name", "seed", "commit", "seconds", "eval/all/ndcg@10"]
    assert table.columns.tolist() == ["+experiment", "loop.epochs", "model/tower", *facts]
    assert table["model/tower"].isna().tolist() == [True, False]


def test_nothing_to_read_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no finished run"):
        read([tmp_path])
    with pytest.raises(InputError, match="is not there"):
        read([tmp_path / "nowhere"])
