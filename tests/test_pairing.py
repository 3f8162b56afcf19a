"""Which runs are one method, and which of their rows belong together."""

import json

import numpy as np
import pytest

from tests.fake_runs import log, write_run
from tfrec.errors import InputError
from tfrec.pairing import load
from tfrec.results import finished, grouped

RNG = np.random.default_rng(0)
METRIC = "all/ndcg@10"


def values(rows, metric=METRIC):
    return {metric: RNG.random(len(rows)).astype(np.float32)}


def groups_of(*folders):
    return grouped(finished(list(folders)))


def refused(groups, sentence, metrics=(METRIC,), cut=None):
    with pytest.raises(InputError, match=sentence):
        load(groups, list(metrics), cut)


def write_results(folder, seed, overrides, name="toy"):
    folder.mkdir(parents=True)
    result = {"name": name, "seed": seed, "status": "finished", "overrides": overrides, "seconds": 1.0, "metrics": {}}
    (folder / "results.json").write_text(json.dumps(result))


def test_runs_that_differ_in_their_seed_only_are_one_method(tmp_path):
    same = ["+experiment=toy", "loop.epochs=2"]
    for seed in (0, 1):
        write_results(tmp_path / f"a{seed}", seed, [*same, f"seed={seed}"])
        write_results(tmp_path / f"b{seed}", seed, [*same, "strategy=[replay]", f"seed={seed}", "resume=auto"])
    assert groups_of(tmp_path) == {
        "toy": {0: tmp_path / "a0", 1: tmp_path / "a1"},
        "strategy=[replay]": {0: tmp_path / "b0", 1: tmp_path / "b1"},
    }
    assert list(groups_of(tmp_path / "b0", tmp_path / "b1")) == ["toy"]


def test_seeds_of_one_method_may_be_reported_beside_other_baselines(tmp_path):
    """Seed 0 beside trees, seed 1 without; of another method both, with one seed, which must stay two."""
    for name, seed, overrides in (
        *(("a0", 0, ["x=1", "baseline=trees"]), ("a1", 1, ["x=1", "baseline=popularity"])),
        *(("b0", 0, ["x=2", "baseline=trees"]), ("b1", 0, ["x=2", "baseline=popularity"])),
    ):
        write_results(tmp_path / name, seed, overrides)
    assert groups_of(tmp_path / "a0", tmp_path / "a1") == {"toy": {0: tmp_path / "a0", 1: tmp_path / "a1"}}
    assert groups_of(tmp_path) == {
        "x=1": {0: tmp_path / "a0", 1: tmp_path / "a1"},
        "baseline=trees, x=2": {0: tmp_path / "b0"},
        "baseline=popularity, x=2": {0: tmp_path / "b1"},
    }


def test_names_tell_methods_apart(tmp_path):
    """The key with the plus is the key without; equal overrides of experiments of two names go by these."""
    for number, (name, overrides) in enumerate(
        [("one", ["+model.dim=4"]), ("one", ["model.dim=8", "loop.epochs=2"]), ("two", ["model.dim=4"])]
    ):
        write_results(tmp_path / str(number), 0, overrides, name)
    assert list(groups_of(tmp_path)) == ["one model.dim=4", "loop.epochs=2, model.dim=8", "two model.dim=4"]


def test_two_runs_of_one_seed_are_refused(tmp_path):
    for name in ("first", "second"):
        write_results(tmp_path / name, 3, ["seed=3"])
    with pytest.raises(InputError, match="first and .*second have the same overrides and seed: name one of them"):
        groups_of(tmp_path)


def test_rows_are_paired_by_their_keys_in_whatever_order(tmp_path):
    rows = log(queries=True)
    rows["weight"] = np.arange(len(rows)) % 3 + 1.0
    a, b = values(rows)[METRIC], values(rows)[METRIC]
    order = RNG.permutation(len(rows))
    write_run(tmp_path / "a", rows, {"eval": {METRIC: a}})
    write_run(tmp_path / "b", rows.iloc[order], {"eval": {METRIC: b[order]}}, overrides=["x=1"])
    pairs = load(groups_of(tmp_path), [METRIC])
    for name in ("period", "user", "query", "weight"):
        assert pairs.rows[name].tolist() == rows[name].tolist()
    np.testing.assert_array_equal(pairs.values["toy"][0][:, 0], a)
    np.testing.assert_array_equal(pairs.values["x=1"][0][:, 0], b)


def test_equal_baselines_are_one_method(tmp_path):
    """popularity is equal in all four runs; als depends on the seed; window differs between the groups."""
    rows = log()
    popularity, als = values(rows), [values(rows) for _ in range(2)]
    windows = [values(rows), values(rows)]
    for group in (0, 1):
        for seed in (0, 1):
            scorers = {"eval": values(rows), "baseline/popularity": popularity, "baseline/als": als[seed]}
            overrides = [f"window={group}", f"seed={seed}"]
            scorers["baseline/window"] = windows[group]
            write_run(tmp_path / f"{group}{seed}", rows, scorers, seed=seed, overrides=overrides)
    found = load(groups_of(tmp_path), [METRIC]).values
    assert {name: sorted(seeds) for name, seeds in found.items()} == {
        "window=0": [0, 1],
        "window=1": [0, 1],
        "baseline/popularity": [0, 1],
        "baseline/als": [0, 1],
        "baseline/window (window=0)": [0, 1],
        "baseline/window (window=1)": [0, 1],
    }
    np.testing.assert_array_equal(found["baseline/als"][1][:, 0], als[1][METRIC])
    assert list(found)[:2] == ["window=0", "window=1"]


def test_a_baseline_of_different_seeds_in_two_groups_is_one_if_equal(tmp_path):
    rows = log()
    popularity = values(rows)
    for seed in (0, 1):
        write_run(
            tmp_path / str(seed),
            rows,
            {"eval": values(rows), "baseline/popularity": popularity},
            seed=seed,
            overrides=[f"x={seed}"],
        )
    assert sorted(load(groups_of(tmp_path), [METRIC]).values["baseline/popularity"]) == [0, 1]


def test_what_is_reported_beside_a_method_does_not_name_it(tmp_path):
    """Both differ in strategy and slices: the strategy names them. If only the slices differ, they have to."""
    rows = log()
    told = {"a": ["strategy=replay", "slice=item"], "b": ["slice=[user,item]"]}
    for name, overrides in told.items():
        write_run(tmp_path / name, rows, {"eval": values(rows)}, overrides=overrides)
    assert list(groups_of(tmp_path)) == ["strategy=replay", "toy"]
    write_run(tmp_path / "c", rows, {"eval": values(rows)}, overrides=["slice=user"])
    assert list(groups_of(tmp_path / "b", tmp_path / "c")) == ["slice=[user,item]", "slice=user"]


def test_a_slice_takes_its_metrics(tmp_path):
    rows = log()
    found = values(rows)
    chosen = RNG.random(len(rows)) < 0.5
    write_run(tmp_path / "a", rows, {"eval": found}, slices={"search": chosen})
    pairs = load(groups_of(tmp_path), [METRIC], "search")
    np.testing.assert_array_equal(pairs.of(METRIC)[1]["toy"][0], found[METRIC][chosen].astype(np.float32))
    refused(groups_of(tmp_path), "has no slice 'new': it has search", cut="new")


def test_requests_without_a_target_in_the_view_are_left_out(tmp_path):
    rows = log(users=4, periods=[3, 5])
    a, b = RNG.random(8), RNG.random(8)
    a[[0, 5]] = b[[0, 5]] = np.nan
    write_run(tmp_path / "a", rows, {"eval": {METRIC: a}, "baseline/x": {METRIC: b}})
    left, found = load(groups_of(tmp_path), [METRIC]).of(METRIC)
    assert left["period"].tolist() == [0] * 3 + [1] * 3 and len(found["baseline/x"][0]) == 6
    assert left["user"].tolist() == [0, 1, 2, 3, 1, 2]  # u1, u2, u3; u0, u2, u3


def test_a_target_for_one_method_only_is_refused(tmp_path):
    rows = log(users=4, periods=[3, 5])
    a, b = RNG.random(8), RNG.random(8)
    b[6] = np.nan
    write_run(tmp_path / "a", rows, {"eval": {METRIC: a}, "baseline/x": {METRIC: b}})
    with pytest.raises(InputError, match=f"{METRIC} of period 5, user u2 is there for one of toy .* and baseline/x"):
        load(groups_of(tmp_path), [METRIC]).of(METRIC)


def test_a_view_that_nobody_is_in_is_refused(tmp_path):
    rows = log()
    write_run(tmp_path / "a", rows, {"eval": {METRIC: np.full(len(rows), np.nan)}})
    pairs = load(groups_of(tmp_path), [METRIC])
    assert not pairs.has(METRIC)
    with pytest.raises(InputError, match="No request has a value"):
        pairs.of(METRIC)


@pytest.mark.parametrize(
    "other, sentence",
    [
        (log(periods=range(4, 9)), r"a has periods 4\.\.11 and .*b 4\.\.8: compare runs with the same"),
        (log(periods=[4, 5, 6, 7, 9, 10, 11]), r"a has periods 4\.\.11 and .*b 4\.\.7, 9\.\.11"),
        (log(users=11), r"period 4, user u11 is in .*a \(96 requests\) and not in .*b \(88\)"),
        (log(users=13), r"b has 104 requests and .*a only 96 of them"),
        (log(weight=2.0), "period 4, user u0 counts differently in .*a and .*b"),
        (log(queries=True), "a was scored by period, user and .*b by period, user, query"),
    ],
)
def test_runs_on_other_requests_are_refused(tmp_path, other, sentence):
    for name, rows in (("a", log()), ("b", other)):
        write_run(tmp_path / name, rows, {"eval": values(rows)}, overrides=[f"x={name}"])
    refused(groups_of(tmp_path), sentence)


def test_two_results_of_a_request_are_refused(tmp_path):
    rows = log()
    twice = rows.iloc[[0, *range(len(rows))]]
    write_run(tmp_path / "a", twice, {"eval": values(twice)})
    refused(groups_of(tmp_path), "a has two results of period 4, user u0")


def test_metrics_computed_differently_are_not_compared(tmp_path):
    """By their name, and by the rule for equal scores, which no name tells."""
    rows, sampled = log(), f"{METRIC}~sampled99"
    write_run(tmp_path / "a", rows, {"eval": values(rows)})
    write_run(tmp_path / "b", rows, {"eval": values(rows, sampled)}, seed=1)
    refused(groups_of(tmp_path), f"b has no metric '{METRIC}' of single requests: it has {sampled}")
    refused(groups_of(tmp_path), f"a has no metric '{sampled}' of single requests: it has {METRIC}", [sampled])
    write_run(tmp_path / "c", rows, {"eval": values(rows)}, seed=2)
    for name, rule in (("a", "row"), ("c", "expected")):
        (tmp_path / name / "config.yaml").write_text(f"evaluate: {{ties: {rule}}}\n")
    refused(groups_of(tmp_path / "a", tmp_path / "c"), r"evaluate.ties differs \(.*a row and .*c expected\)")


def test_a_run_without_results_of_users_is_refused(tmp_path):
    rows = log()
    write_run(tmp_path / "a", rows, {"eval": values(rows)})
    write_results(tmp_path / "b", 1, [])
    refused(groups_of(tmp_path), "b has no per-user results")
