"""The number that was published with the Open Bandit Dataset."""

import pytest

from tests.published import fetched
from tfrec.bandit.open_bandit_value import main, thompson_value


def test_the_published_value_of_thompson_sampling():
    """IPW of Bernoulli Thompson sampling over the click rate of the random policy, campaign "all": 1.198126."""
    value = thompson_value(fetched("open_bandit"))
    assert round(value.ipw / value.observed, 6) == 1.198126
    assert (value.rows, value.observed) == (10_000, 0.0038)
    low, high = value.ipw_interval
    assert low < value.observed < high  # 38 clicks do not tell the two policies apart


def test_the_command_prints_it(capsys):
    main(["--folder", fetched("open_bandit")])
    printed = capsys.readouterr().out
    assert "rows 10000, observed mean 0.003800" in printed
    assert "over observed 1.198126" in printed and "effective sample size 1639.5" in printed


def test_without_the_data_the_command_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TFREC_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="error: .* run 'python -m tfrec.data.fetch open_bandit'"):
        main([])
