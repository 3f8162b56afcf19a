"""Candidates put in order by a tower that learns from lists, in its stream."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tf_keras
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.baselines.histories import history_of
from tests.shop import make_shop
from tests.small_runs import ROOT
from tests.test_leaks import assert_same
from tests.test_leaks_of_streams import cut_off, labels_later, permuted
from tests.test_resume_stream import Killed, KilledTrigger, left
from tests.toy import make_interactions
from tfrec.baselines.frozen import Frozen
from tfrec.baselines.item_knn import ItemKnn
from tfrec.baselines.lightgbm_ranker import LightgbmRanker
from tfrec.baselines.old_index import OldIndex
from tfrec.baselines.stale import Stale
from tfrec.build import build
from tfrec.checkpoint import Checkpoints
from tfrec.data.features import TowerFeatures
from tfrec.data.interactions import validated
from tfrec.data.requests import Requests
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.evaluate import Evaluator
from tfrec.experiment import run_job
from tfrec.folders import conf_folder
from tfrec.layers.ranking.din import Din
from tfrec.layers.ranking.ensemble import Ensemble
from tfrec.layers.ranking.mlp import Mlp
from tfrec.learner import Learner
from tfrec.loops.incremental import Incremental
from tfrec.loops.state import StreamState
from tfrec.memories.reservoir import Reservoir
from tfrec.models.two_stage import TwoStage
from tfrec.models.two_tower import TwoTower
from tfrec.ranking.candidates import Candidates
from tfrec.ranking.list_features import ListFeatures
from tfrec.strategies.replay import Replay
from tfrec.tasks.loss import InBatchSoftmax
from tfrec.tasks.ranking import LambdaRank, Listwise
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod

CONF = conf_folder()


def options(group, wanted=lambda node: True):
    files = sorted((CONF / "model" / group).glob("*.yaml"))
    return [path.stem for path in files if wanted(OmegaConf.load(path))]


TOWERS = options("tower")
LOSSES = options("loss", lambda node: node["_target_"].startswith("tfrec.tasks.ranking."))


def make_model(tower=None, loss=None, length=8, history_length=4, own=12, popular=8, best=3, **model):
    candidates = Candidates(own, popular, best, knn=ItemKnn())
    features = ListFeatures(candidates, TowerFeatures(history_length), length, seed=1)
    return TwoStage(features, tower or Mlp((8,)), loss or LambdaRank(), **model)


def make_state(log=None, model=None, strategies=(), baselines=None, **stream):
    stream = Stream(make_interactions() if log is None else log, **{"period": "7D"} | stream)
    model = model or make_model()
    learner = Learner(model, tf_keras.optimizers.Adam(0.01), list(strategies))
    return StreamState(stream, model, learner, baselines or {}, seed=5)


def go_on(state, periods, batch_size=64):
    costs = {}
    for t in periods:
        state.observe(t)
        costs = state.learn(range(t, t + 1), epochs=1, batch_size=batch_size)
    return state, costs


def composed(*overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("config", overrides=list(overrides))


SMALL = ["model=two_stage", "model.features.length=8", "model.features.candidates.own=12"]
SMALL += ["model.features.candidates.popular=8", "model.features.candidates.best=3"]


@pytest.mark.parametrize("tower, loss", [*((tower, "lambda_rank") for tower in TOWERS), *(("mlp", x) for x in LOSSES)])
def test_every_tower_and_every_loss_of_lists_learns_and_scores(tower, loss):
    cfg = composed(*SMALL, f"model/tower={tower}", f"model/loss={loss}")
    model = build(OmegaConf.to_container(cfg.model, resolve=True), "model", seed=0)
    state, costs = go_on(make_state(model=model), range(3))
    assert costs["cost/steps"] > 0 and 0 < costs["train/ranking"] < 10
    before = [variable.numpy() for variable in model.trainable_variables]
    go_on(state, range(3, 4))
    after = [variable.numpy() for variable in model.trainable_variables]
    assert all(np.isfinite(values).all() for values in after)
    assert sum(one.shape != two.shape or (one != two).any() for one, two in zip(before, after, strict=True)) >= 2
    scores = model.score(state.history, state.truth(4).requests)(slice(0, 5))
    assert scores.shape == (5, len(state.history.items)) and np.isfinite(scores).all()


def test_the_model_brings_what_it_was_tuned_with_where_nobody_says_otherwise():
    alone, of_experiment = composed("model=two_stage"), composed("+experiment=two_stage")
    for group in ("data", "encoder", "optimizer", "loop", "strategy", "model"):
        assert alone[group] == of_experiment[group], group
    assert alone.optimizer != composed().optimizer and alone.loop != composed().loop
    said = ["data=simulator", "encoder=minilm", "optimizer=sgd", "loop=incremental", "strategy=[replay]"]
    other, plain = composed("model=two_stage", *said), composed(*said)
    for group in ("data", "encoder", "optimizer", "loop", "strategy"):
        assert other[group] == plain[group], group


def test_losses_of_retrieval_in_conf_are_refused():
    others = set(options("loss")) - set(LOSSES)
    assert others
    for name in others:
        cfg = composed(*SMALL, f"model/loss={name}")
        with pytest.raises(InputError, match="a loss of retrieval, but model=two_stage learns from lists: choose"):
            build(OmegaConf.to_container(cfg.model, resolve=True), "model", seed=0)


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda: TwoStage(None, Mlp(), LambdaRank()), "no model.features, and so no first stage: give it candidates"),
        (lambda: ListFeatures(None), "model=two_stage ranks .* model.features.candidates is null: give it one"),
        (lambda: make_model(loss=InBatchSoftmax()), "model/loss is InBatchSoftmax, a loss of retrieval"),
        (lambda: make_model(Din(), history_length=0), "model/tower is Din.*model.features.towers.history_length is 0"),
        (lambda: make_model(base_periods=0), "model.base_periods is 0: choose 1 or more periods, or null"),
        (lambda: make_model(novel=-1), "model.novel is -1: choose 0 or more"),
        (lambda: make_model(length=1), "model.features.length is 1: choose 2 or more"),
        (lambda: make_model(own=0, popular=0, best=0), "model.features.candidates proposes nothing"),
    ],
)
def test_errors_are_one_sentence_that_names_the_keys(wrong, words):
    with pytest.raises(InputError, match=words) as refused:
        wrong()
    assert "\n" not in str(refused.value)


class ByItem:
    """A tower whose logit is the candidate's first feature."""

    needs = ()

    def grow(self, users, items):
        return False

    def __call__(self, features, training=False):
        return features["pairs"][..., 0]


@pytest.mark.parametrize("baseline", [Frozen, Stale, OldIndex])
def test_baselines_of_two_towers_are_refused_before_anything_is_learned(baseline):
    with pytest.raises(InputError, match="TwoStage has no two towers"):
        make_state(baselines={"of_towers": baseline()})


def test_trees_take_the_candidates_of_the_model():
    """The same object, so that what it is changed to on the command line, and what it fits, is of both."""
    model, trees = make_model(), LightgbmRanker()
    make_state(model=model, baselines={"lightgbm_weekly": trees})
    assert trees.candidates is model.features.candidates_of
    with pytest.raises(InputError, match="lightgbm_weekly.candidates is null.*model=two_stage.*is TwoTower"):
        LightgbmRanker().begin(SimpleNamespace(model=TwoTower(new_items="mean")))


def test_candidates_come_first_by_the_tower_and_all_others_follow_by_popularity():
    # own_count of user 0: item row 0 bought in three periods, row 1 in one, the others never. Candidates: own 1.
    # User 1 bought row 2 twice. Popularity of rows 0..3: 3, 1, 2, 2.
    history = history_of([(0, 0), (0, 1), (1, 2)], [(0, 0), (1, 2), (2, 3)], [(0, 0), (3, 3)])
    model = TwoStage(ListFeatures(Candidates(1, 0, 0), TowerFeatures(0), 4), ByItem(), LambdaRank())
    model.features.moments.observe(np.zeros((2, 24)) + np.array([[0], [1]]))
    scores = model.score(history, Requests(np.array([0, 1, -1])))(slice(0, 3))
    fill = np.float32([3, 1, 2, 2]) / 4
    assert scores[0, 0] >= 1 and scores[1, 2] >= 1
    np.testing.assert_allclose(scores[0, 1:], fill[1:])
    np.testing.assert_allclose(np.delete(scores[1], 2), np.delete(fill, 2))
    np.testing.assert_allclose(scores[2], fill)  # nothing is known of who was never seen


def test_towers_of_an_ensemble_learn_by_their_own_losses_and_rank_by_their_mean():
    """The gradient of each tower is that of the tower alone, halved: the loss is the mean of two."""
    rng = np.random.default_rng(0)
    batch = {"list_item": np.zeros((3, 5), np.int32), "list_pairs": rng.normal(size=(3, 5, 4)).astype(np.float32)}
    batch |= {"list_label": (rng.random((3, 5)) < 0.4).astype(np.float32), "list_mask": np.ones((3, 5), np.float32)}
    batch["list_label"][:, 0] = 1
    batch = {key: tf.constant(values) for key, values in batch.items()}
    both = make_model(Ensemble(one=Mlp((3,), seed=1), two=Mlp((3,), seed=2)))
    alone = [make_model(Mlp((3,), seed=seed)) for seed in (1, 2)]
    found = []
    for model in (both, *alone):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch)
        found.append(tape.gradient(loss, model.trainable_variables))
    for got, expected in zip(found[0], [*found[1], *found[2]], strict=True):
        np.testing.assert_allclose(got, expected / 2, rtol=1e-5, atol=1e-7)
    logits = [model(batch)["logits/ranking"] for model in (both, *alone)]
    np.testing.assert_allclose(logits[0], (logits[1] + logits[2]) / 2, rtol=1e-5, atol=1e-6)


def test_what_was_never_bought_has_a_loss_of_its_own():
    """The same loss of the list without own items, weighted; of a list of own items alone it is 0."""
    rng = np.random.default_rng(0)
    label, mask = np.float32(rng.random((3, 6)) < 0.5), np.ones((3, 6), np.float32)
    label[:, 0], label[:, 1], mask[2, 5] = 1, 0, 0
    novel = np.float32([[1, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 1]])
    features = {"list_label": label, "list_mask": mask, "list_novel": novel}
    features = {key: tf.constant(values) for key, values in features.items()}
    logits = tf.constant(rng.normal(size=(3, 6)).astype(np.float32))
    losses = make_model(novel=0.5).task_losses({"logits/ranking": logits}, features)
    loss = LambdaRank()
    np.testing.assert_allclose(losses["ranking"], loss(logits, label, mask))
    there = [0, 1, 3, 5]
    short = loss(tf.gather(logits, there, axis=1)[:1], label[:1, there], mask[:1, there])
    np.testing.assert_allclose(losses["novel"][0], short[0] / 2, rtol=1e-6)
    assert losses["novel"][1] == 0 and losses["novel"][2] > 0
    assert "novel" not in make_model().task_losses({"logits/ranking": logits}, features)


def test_examples_say_what_their_user_never_bought():
    state, _ = go_on(make_state(), range(3))
    past, queries = state.history.until(2), state.examples(2).queries
    assert 0 < queries["list_novel"].mean() < 1
    for row, user in enumerate(queries["user"]):
        known = past.own(np.array([user if user < len(past.users) else -1])).indices
        there = queries["list_mask"][row] > 0
        expected = ~np.isin(queries["list_item"][row], known)
        np.testing.assert_array_equal(queries["list_novel"][row][there], expected[there])


def test_the_order_of_candidates_is_that_of_the_towers_logits():
    state, _ = go_on(make_state(), range(3))
    model, requests = state.model, state.truth(3).requests
    scores = model.score(state.history, requests)(slice(0, len(requests)))
    known = model.features.users(state.history, requests) | model.features.past(state.history, requests)
    known["list_pairs"] = model.features.moments(known["list_pairs"])
    logits = model(known)["logits/ranking"].numpy()
    for row, size in enumerate(known["list_size"]):
        items = known["list_item"][row, :size]
        np.testing.assert_allclose(np.diff(scores[row, items]), np.diff(logits[row, :size]), atol=1e-5)
        others = np.delete(scores[row], items)
        assert scores[row, items].min() >= 1 and (len(others) == 0 or others.max() < 1)


def test_blocks_do_not_matter(monkeypatch):
    state, _ = go_on(make_state(), range(3))
    requests = state.truth(3).requests
    whole = state.model.score(state.history, requests)(slice(None))
    monkeypatch.setattr("tfrec.models.two_stage.BLOCK", 5)
    np.testing.assert_allclose(state.model.score(state.history, requests)(slice(None)), whole, atol=1e-5)


def test_a_period_in_which_nobody_asks_is_scored_and_learned():
    state, _ = go_on(make_state(), range(3))
    nobody = Requests(np.zeros(0, int))
    assert state.model.score(state.history, nobody)(slice(0, 0)).shape == (0, len(state.history.items))
    pairs = {"query": np.zeros(0, int), "item": np.zeros(0, np.int32)}
    queries = state.model.features.past(state.history, nobody)
    assert len(state.model.examples(3, pairs, queries)[0]["item"]) == 0


def test_first_stage_by_hand():
    # Candidates of user 0: own items 0 and 1, and the popular item 2. Targets: 0, 2, 3 and one out of the catalogue.
    #   all: 2 of 4 are proposed; the best list has both first: (1 + 1/log2(3)) / (1 + 1/log2(3) + 1/2 + 1/log2(5))
    #   repeat: target 0, proposed; novel: 2, 3 and -1, of which 2 is proposed: 1/3, and 1 / (1 + 1/log2(3) + 1/2)
    # User 1 asks for item 2 alone, its own: all and repeat 1; it has no novel target.
    history = history_of([(0, 0), (0, 1), (1, 2), (3, 3)], [(1, 2), (2, 2)])
    truth = SimpleNamespace(
        requests=Requests(np.array([0, 1])),
        targets=[np.array([0, 2, 3, -1]), np.array([2])],
        bought=[np.array([0, 1]), np.array([2])],
    )
    model = TwoStage(ListFeatures(Candidates(2, 1, 0), TowerFeatures(0), 4), Mlp(), LambdaRank())
    values, totals = model.first_stage(history, truth, k=10)
    d = 1 / np.log2([2, 3, 4, 5])
    expected = {
        "all/candidate_recall": [2 / 4, 1],
        "all/oracle_ndcg@10": [d[:2].sum() / d.sum(), 1],
        "repeat/candidate_recall": [1, 1],
        "repeat/oracle_ndcg@10": [1, 1],
        "novel/candidate_recall": [1 / 3, np.nan],
        "novel/oracle_ndcg@10": [1 / d[:3].sum(), np.nan],
    }
    assert values.keys() == expected.keys()
    for name, column in expected.items():
        np.testing.assert_allclose(values[name], column, err_msg=name)
    # Lists of 3 and of 1; 3 of the 5 targets are candidates.
    assert totals == {"all/candidates": 2.0, "all/covered_rows": 3 / 5}


def test_no_order_of_the_candidates_is_better_than_the_oracle():
    state, _ = go_on(make_state(), range(4))
    truth = state.truth(4)
    values, _ = state.model.first_stage(state.history, truth)
    found = Evaluator(["ndcg@10"])(state.model.score(state.history, truth.requests), truth)
    assert (found["all/ndcg@10"] <= values["all/oracle_ndcg@10"] + 1e-6).all()


def test_the_base_fills_the_history_and_its_last_periods_are_learned(tmp_path):
    states = []
    for base_periods in (None, 2):
        state = make_state(model=make_model(base_periods=base_periods))
        run(tmp_path / str(base_periods), state, base=4, last=4)
        states.append(state)
    whole, some = states
    assert some.learned_from == 2 and whole.learned_from == 0
    assert some.sizes[:2] == [0, 0] and some.sizes[2:] == whole.sizes[2:] and whole.sizes[1] > 0
    assert whole.history.digest == some.history.digest
    for key, values in whole.examples(3).queries.items():
        np.testing.assert_array_equal(values, some.examples(3).queries[key])
    assert 0 < some.model.features.moments.count < whole.model.features.moments.count


def test_batches_and_buffers_count_candidates():
    """An example is a list of 8: 64 rows of a batch are 8 lists; of 8 rows or fewer there are still 2."""
    state = make_state()
    for t in range(4):
        state.observe(t)
    for batch_size, lists in ((64, 8), (3, 2)):
        costs = state.learn(range(3, 4), epochs=1, batch_size=batch_size)
        assert costs["cost/examples"] == lists * costs["cost/steps"] == -(-state.sizes[3] // lists) * lists
    # Two periods have more than 8 lists each: they are learned one by one if the buffer holds 8 * 8 candidates.
    assert min(state.sizes[2:4]) > 8
    assert len(Incremental(buffer=64).updates._parts(state, range(2, 4))) == 2
    assert len(Incremental(buffer=8 * sum(state.sizes)).updates._parts(state, range(2, 4))) == 1


def test_a_base_without_lists_is_one_sentence(tmp_path):
    """Before the first period nothing is known, so it proposes no candidates."""
    with pytest.raises(InputError, match="nothing to learn from.*loop.base"):
        run(tmp_path, make_state(), base=1, last=2)


def test_columns_that_no_tower_reads_are_refused():
    with pytest.raises(InputError, match="model.features.towers.context names columns.*leave it empty"):
        ListFeatures(Candidates(), TowerFeatures(4, context=["age"]))


def run(folder, state, trigger=None, **options):
    tracker = Tracker(folder, {"name": "lists", "seed": 5}, "ndcg@5")
    loop = Incremental(**{"base": 3, "batch_size": 64, "base_epochs": 1} | options)
    loop.run(state, trigger or EveryPeriod(), Evaluator(["ndcg@5"]), tracker, Checkpoints(folder / "checkpoints"))
    return state


@pytest.mark.parametrize("kind", ["toy", "at_once", "late"])
def test_killed_and_resumed_is_the_uninterrupted_run(tmp_path, kind):
    """With replay, a tower with ids and a history; on a log with searches; and with labels known late."""
    log = make_interactions() if kind == "toy" else make_shop(days=43, late=kind == "late")

    def state():
        return make_state(log, make_model(Din(4, (4,), (8,)), base_periods=2), [Replay(Reservoir(size=20), ratio=0.5)])

    whole = run(tmp_path / "whole", state())
    with pytest.raises(Killed):
        run(tmp_path / "cut", state(), KilledTrigger(4))
    resumed = run(tmp_path / "cut", state())
    (table, arrays), (expected, values) = left(tmp_path / "cut", resumed), left(tmp_path / "whole", whole)
    assert table == expected and whole.learner.strategies[0].memory.seen > 0
    for one, two in zip(arrays, values, strict=True):
        np.testing.assert_array_equal(one, two)


def test_replayed_lists_join_the_batch():
    """A list is replayed as it was learned, its numbers standardised by what is known now."""
    replay = Replay(Reservoir(size=30), ratio=0.5)
    state, costs = go_on(make_state(strategies=[replay]), range(4))
    assert costs["cost/examples"] == 12 * costs["cost/steps"]  # 8 lists and 4 of the buffer
    kept = {values.tobytes() for t in range(4) if state.sizes[t] for values in state.examples(t).queries["list_pairs"]}
    assert {values.tobytes() for values in replay.memory.rows["list_pairs"][: min(replay.memory.seen, 30)]} <= kept


def test_lists_of_late_labels_are_of_when_they_were_asked():
    """What is learned of a late purchase is the list of its request's own period, whatever came in between."""
    log = make_shop(days=43)
    state = make_state(log)
    asked = {}
    for t in range(5):
        scored = state.prepared(state.stream.scored(t))
        requests, _ = Requests.of(scored, state.history)
        past = state.model.features.past(state.history, requests)
        keys = zip(requests.ids, requests.queries, strict=True)
        asked |= {(t, *key): (past["list_pairs"][n], past["list_size"][n]) for n, key in enumerate(keys)}
        taken = []
        state.model.examples, original = recording(state.model.examples, taken)
        state.observe(t)
        state.model.examples = original
        raw = state.stream.revealed(t)
        first = raw.iloc[Requests.of(raw, state.history)[1].argsort(kind="stable")]
        first = first.drop_duplicates(["period", "user", "query"])
        assert t < 2 or (first["period"] < t).any()
        pairs, size = taken[0]["list_pairs"], taken[0]["list_size"]
        order = raw.drop_duplicates(["period", "user", "query"])
        for n, row in enumerate(order.itertuples()):
            expected, known = asked[row.period, row.user, row.query]
            assert size[n] == known
            np.testing.assert_array_equal(pairs[n], expected)


@pytest.mark.parametrize("late", [True, False], ids=["late", "at_once"])
@pytest.mark.parametrize("change", [cut_off, permuted, labels_later], ids=lambda change: change.__name__)
def test_another_future_leaves_lists_moments_and_weights_byte_for_byte(change, late):
    log = make_shop(days=29, late=late)
    one, two = (go_on(make_state(events, make_model(Din(4, (4,), (8,)))), range(3))[0] for events in (log, change(log)))
    assert one.sizes == two.sizes and one.sizes[2] > 0
    for t in range(1, 3):
        assert_same(one.examples(t).queries, two.examples(t).queries)
    moments = [state.model.features.moments for state in (one, two)]
    assert_same(*([np.asarray(part) for part in (m.count, m.sum, m.squares)] for m in moments))
    assert_same(*([v.numpy() for v in state.model.variables] for state in (one, two)))


def recording(examples, taken):
    def record(period, pairs, queries):
        taken.append(dict(queries))
        return examples(period, pairs, queries)

    return record, examples


def signal(users=40, items=30, weeks=8, seed=0):
    """Each user buys 3 of 6 own items each week, so that what is due is what was not bought last week; and noise."""
    rng, rows = np.random.default_rng(seed), []
    for week in range(weeks):
        for user in range(users):
            own = (5 * user + np.arange(6)) % items
            rows += [(user, item, week) for item in own[week % 2 :: 2]]
            rows += [(user, rng.integers(items), week)]
    events = pd.DataFrame(rows, columns=["user", "item", "week"])
    days = pd.to_timedelta(7 * events.pop("week"), unit="D") + pd.to_timedelta(np.arange(len(events)) % 60, unit="s")
    events["timestamp"] = pd.Timestamp("2024-01-01") + days
    events = events.drop_duplicates().sort_values("timestamp", kind="stable")
    return validated(events, pd.DataFrame({"text": [""] * items}), "signal")


@pytest.mark.parametrize("loss", [LambdaRank(), Listwise()], ids=["lambda_rank", "listwise"])
def test_it_learns_what_the_first_stage_does_not_know(loss):
    """What is due this week was not bought last week, and counts of purchases say nothing of it."""
    model = make_model(Mlp((16,)), loss, length=20)
    state = make_state(signal(), model)
    for t in range(6):
        state.observe(t)
        state.learn(range(t, t + 1), epochs=30, batch_size=160)
    truth = state.truth(6)
    evaluate = Evaluator(["ndcg@10"])
    learned = np.nanmean(evaluate(model.score(state.history, truth.requests), truth)["repeat/ndcg@10"])
    own = state.history.own(truth.requests.users, 0.98).toarray()
    before = np.nanmean(evaluate(lambda block: own[block].astype(np.float32), truth)["repeat/ndcg@10"])
    assert learned > before + 0.1


@pytest.mark.slow
def test_a_run_logs_what_the_first_stage_left(tmp_path):
    overrides = ["+experiment=two_stage", "baseline=none", "data=simulator", "+debug=tiny", "encoder=none"]
    run_job(composed(*overrides), tmp_path, overrides, {})
    metrics = json.loads((tmp_path / "results.json").read_text())["metrics"]
    for view in ("all", "repeat", "novel"):
        assert 0 <= metrics[f"eval/{view}/candidate_recall"] <= 1
        assert metrics[f"eval/{view}/ndcg@10"] <= metrics[f"eval/{view}/oracle_ndcg@10"] + 1e-6
    page = (ROOT / "docs/tags.md").read_text()
    for tag in ("<view>/candidate_recall", "<view>/oracle_ndcg@10", "all/candidates", "all/covered_rows"):
        assert f"`eval/{tag}`" in page
    assert metrics["eval/all/candidates"] > 1 and 0 < metrics["eval/all/covered_rows"] <= 1
