"""The matrix of periods, against what the run itself scored."""

import numpy as np
import pandas as pd
import pytest

from tests.loops.test_incremental import make_state
from tests.toy import make_interactions
from tfrec.baselines.frozen import Frozen
from tfrec.baselines.popularity import Popularity
from tfrec.checkpoint import Checkpoints
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.loops.incremental import Incremental
from tfrec.loops.period_matrix import PeriodMatrix
from tfrec.scores import read
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod

BASE, LAST = 3, 6


def run(folder, probe=None, trigger=None):
    stream = Stream(make_interactions(users=40, days=50, per_day=80))
    state = make_state(stream, {"frozen": Frozen(), "popularity": Popularity(4)})
    tracker = Tracker(folder, {"name": "toy", "seed": 0}, "ndcg@5")
    loop = Incremental(base=BASE, last=LAST, batch_size=64)
    probe = probe or PeriodMatrix(0.3, seed=1)
    parts = (
        trigger or EveryPeriod(),
        Evaluator(["ndcg@5", "recall@20"]),
        tracker,
        Checkpoints(folder / "checkpoints"),
        probe,
    )
    found = loop.run(state, *parts)
    tracker.finish(found)
    return state, found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    state, found = run(folder)
    scores = read(folder)
    probe = PeriodMatrix(0.3, seed=1)
    probe.base = BASE
    scores["held"] = probe._held_out(scores["user"], scores["period"].to_numpy())
    return folder, state, found, pd.read_csv(folder / "matrix.csv"), scores


def cell(matrix, learned, scored, scorer="eval"):
    (row,) = matrix[
        (matrix["learned"] == learned) & (matrix["scored"] == scored) & (matrix["scorer"] == scorer)
    ].to_dict("records")
    return row


def test_every_pair_of_periods_is_there_once(whole):
    matrix = whole[3]
    pairs = matrix[matrix["scorer"] == "eval"][["learned", "scored"]]
    expected = {(i, j) for i in range(BASE - 1, LAST + 1) for j in range(BASE, LAST + 1)}
    assert set(pairs.itertuples(index=False, name=None)) == expected and len(pairs) == len(expected)


@pytest.mark.parametrize("scorer", ["eval", "baseline/popularity"])
@pytest.mark.parametrize("t", range(BASE, LAST + 1))
def test_the_freshest_weights_score_what_the_run_scored(whole, scorer, t):
    _, _, _, matrix, scores = whole
    mine = scores[(scores["period"] == t) & (scores["scorer"] == scorer) & scores["held"]]
    row = cell(matrix, t - 1, t, scorer)
    assert 0 < row["pairs/all"] == len(mine)
    for metric in ("all/ndcg@5", "repeat/recall@20", "novel/ndcg@5"):
        assert row[metric] == pytest.approx(mine[metric].mean(), abs=1e-6)


@pytest.mark.parametrize("t", range(BASE + 1, LAST + 1))
def test_the_oldest_weights_score_what_the_frozen_model_scored(whole, t):
    _, _, _, matrix, scores = whole
    mine = scores[(scores["period"] == t) & (scores["scorer"] == "baseline/frozen") & scores["held"]]
    assert cell(matrix, BASE - 1, t)["all/ndcg@5"] == pytest.approx(mine["all/ndcg@5"].mean(), abs=1e-6)


def test_what_is_held_out_is_never_learned_and_stays_in_histories(whole):
    _, state, _, _, _ = whole
    stream, probe = state.stream, PeriodMatrix(0.3, seed=1)
    probe.base = BASE
    for t in range(LAST + 1):
        events = stream[t]
        held = probe._held_out(events["user"], events["period"].to_numpy())
        assert held.any() == (t >= BASE)
        learned = state.examples(t)
        users = learned.queries["user"][learned.query]
        assert len(learned) == (~held).sum() == len(users)
        np.testing.assert_array_equal(state.history.users.ids[users], events["user"][~held])
        assert len(state.history.pairs(t)[0]) == len(events)


def test_measures_are_of_the_matrix(whole):
    """LA = mean a[j, j], RA = mean a[T, j], by loops over the file."""
    _, _, found, matrix, _ = whole
    periods = range(BASE, LAST + 1)
    value = lambda i, j: cell(matrix, i, j)["all/ndcg@5"]  # noqa: E731
    assert found["continual/la"] == pytest.approx(np.mean([value(j, j) for j in periods]))
    assert found["continual/ra"] == pytest.approx(np.mean([value(LAST, j) for j in periods]))
    # What weights of age d last learned is d before the newest that may be used, j - 1. Of four periods half are ages,
    # and the two that have weights of all ages are averaged.
    for age in range(3):
        expected = np.mean([value(j - 1 - age, j) for j in periods[2:]])
        assert found[f"continual/staleness/{age}"] == pytest.approx(expected)
    assert "continual/staleness/3" not in found
    gain = [value(j - 1, j) - cell(matrix, j - 1, j, "baseline/popularity")["all/ndcg@5"] for j in periods]
    assert found["continual/fwt"] == pytest.approx(np.mean(gain))


@pytest.mark.parametrize("period", [BASE, 5])
def test_going_on_after_a_kill_gives_the_same_files(whole, tmp_path, period):
    class Killed(EveryPeriod):
        def __call__(self, t):
            if t == period:  # scored already, and not learned yet
                raise KeyboardInterrupt
            return super().__call__(t)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, trigger=Killed())
    run(tmp_path)
    assert (tmp_path / "matrix.csv").read_bytes() == (whole[0] / "matrix.csv").read_bytes()
    pd.testing.assert_frame_equal(read(tmp_path), read(whole[0]))


def test_periods_without_an_update_have_no_weights_of_their_own(tmp_path):
    """Updates after 4 and 6 only: rows 2, 4 and 6, and no diagonal but theirs."""

    class Even(EveryPeriod):
        def __call__(self, t):
            return t % 2 == 0

    _, found = run(tmp_path, trigger=Even())
    matrix = pd.read_csv(tmp_path / "matrix.csv")
    rows = matrix[matrix["scorer"] == "eval"]
    assert sorted(rows["learned"].unique()) == [2, 4, 6]
    expected = np.mean([cell(matrix, 4, 4)["all/ndcg@5"], cell(matrix, 6, 6)["all/ndcg@5"]])
    assert found["continual/la"] == pytest.approx(expected)


def test_old_weights_are_kept_as_long_as_asked(tmp_path):
    run(tmp_path, probe=PeriodMatrix(0.3, ages=1, seed=1))
    matrix = pd.read_csv(tmp_path / "matrix.csv")
    model = matrix[matrix["scorer"] == "eval"]
    ahead = model[model["learned"] < model["scored"]]
    assert set(ahead["scored"] - 1 - ahead["learned"]) == {0, 1}
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize("options, words", [({"share": 0}, "probe.share is 0"), ({"ages": -1}, "probe.ages is -1")])
def test_what_makes_no_sense_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        PeriodMatrix(**options)
