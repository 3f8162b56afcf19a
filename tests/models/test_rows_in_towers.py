"""What becomes of vectors and of the optimizer's state when rows are shared, taken back and given to other ids."""

import copy

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tf_keras

from tests.shop import make_model, make_shop, make_state
from tests.test_learner import make_batch
from tfrec.baselines.frozen import Frozen
from tfrec.data.features import TowerFeatures
from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.data.rows import Rows
from tfrec.layers.id_table import IdTable
from tfrec.layers.text_map import first_values
from tfrec.learner import Learner
from tfrec.memories.reservoir import Reservoir
from tfrec.models.scoring import Towers, TowerScores
from tfrec.models.two_tower import TwoTower
from tfrec.strategies.replay import Replay
from tfrec.tasks.retrieval import first_of_each, in_batch_softmax

ITEMS = pd.DataFrame({"text": [""] * 20})
OPTIMIZERS = {"adagrad": lambda: tf_keras.optimizers.Adagrad(0.1), "adam": lambda: tf_keras.optimizers.Adam(0.1)}


class World:
    """A model without texts, and the history that it follows."""

    def __init__(self, optimizer="adam", new_items="mean", **rows):
        rules = Rows(**rows), Rows(**rows)
        self.model = TwoTower(None, TowerFeatures(3), *rules, dim=4, new_items=new_items)
        self.history = History()
        self.learner = Learner(self.model, OPTIMIZERS[optimizer]())

    def see(self, pairs):
        users, items = zip(*pairs, strict=True)
        self.history.observe(pd.DataFrame({"user": users, "item": items, "timestamp": pd.Timestamp("2024-01-01")}))
        if self.model.grow(self.history, ITEMS):
            self.learner.rebuild()
        for variable, rows in self.model.reused_rows():
            self.learner.restart(variable, rows)

    def start(self):
        self.model.start_rows(self.history, self.history.last_period - 1)

    def vectors(self, items):
        rows = self.history.items.rows(items)
        features = self.model.table_rows(self.model.features.candidates(self.history, rows))
        return self.model.candidate_embeddings(features).numpy()

    def slots(self, table):
        """The optimizer's slots of a table, one after the other."""
        shape = table.table.shape
        name = table.name
        return [v.numpy() for v in self.learner.optimizer.variables if v.shape == shape and f"/{name}/" in v.name]


def test_an_item_seen_once_shares_the_bucket():
    world = World(admission=2, buckets=1)
    world.see([("u", 3), ("u", 4), ("v", 5), ("v", 5)])
    vectors = world.vectors([3, 4, 5])
    np.testing.assert_array_equal(vectors[0], world.model.item_table.table.numpy()[0])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert (vectors[2] != vectors[0]).any()
    world.see([("v", 3)])
    assert (world.vectors([3]) != vectors[0]).any() and (world.vectors([4]) == vectors[0]).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_reused_row_starts_anew_with_a_fresh_optimizer(optimizer):
    """Expiry 2: u and item 0 are seen in period 0 alone; w and item 7 come in period 2 and get their rows."""
    world = World(optimizer, admission=1, expiry=2)
    world.see([("u", 0), ("v", 1), ("v", 2)])
    for seed in range(3):
        world.learner.step(make_batch(world.model, world.history, seed=seed))
    world.see([("v", 1), ("v", 2)])
    users, items = world.model.user_table, world.model.item_table
    old = items.rows_of(np.array([0]))[0], users.rows_of(np.array([0]))[0]
    before = items.table.numpy(), users.table.numpy(), world.slots(items), world.slots(users)
    world.see([("v", 1), ("v", 2), ("w", 7)])
    world.start()
    assert items.rows_of(world.history.items.rows([7])).tolist() == [old[0]] and items.reused.tolist() == [old[0]]
    assert users.rows_of(world.history.users.rows(["w"])).tolist() == [old[1]]
    known = items.rows_of(world.history.items.rows([1, 2]))
    np.testing.assert_allclose(items.table.numpy()[old[0]], before[0][known].mean(axis=0), rtol=1e-6)
    assert before[1][old[1]].any() and not users.table.numpy()[old[1]].any()
    fresh = {"adagrad": [0.1], "adam": [0, 0]}[optimizer]  # tf_keras starts Adagrad's sums at 0.1, Adam's at 0
    for slots, was, row in zip([world.slots(items), world.slots(users)], before[2:], old, strict=True):
        assert len(slots) == len(fresh)
        for slot, old_slot, value in zip(slots, was, fresh, strict=True):
            assert (old_slot[row] != np.float32(value)).any()
            np.testing.assert_array_equal(slot[row], np.full(4, value, np.float32))
            np.testing.assert_array_equal(np.delete(slot, row, axis=0), np.delete(old_slot, row, axis=0))
    for table, was, row in zip([items, users], before[:2], old, strict=True):
        np.testing.assert_array_equal(np.delete(table.table.numpy(), row, axis=0), np.delete(was, row, axis=0))


def test_restarting_a_row_of_one_table_leaves_a_table_of_the_same_shape():
    world = World()
    world.see([("u", 0), ("v", 1)])
    world.learner.step(make_batch(world.model, world.history))
    users, items = world.model.user_table, world.model.item_table
    assert users.table.shape == items.table.shape
    before = world.slots(users)
    world.learner.restart(items.table, np.array([0, 1], np.int32))
    assert not any(slot[:2].any() for slot in world.slots(items))
    for one, two in zip(world.slots(users), before, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", ["zero", "mean", "text"])
def test_a_row_starts_anew_also_where_all_others_have_expired(kind):
    """Nothing is known that it could start from: it starts at zero, not at the vector of the id that lost it."""
    table = IdTable(2, Rows(expiry=1), seed=3)
    table.observe([np.array([0, 1])], 2)
    table.observe([np.array([2, 2])], 3)
    assert table.rows_of(np.array([2])).tolist() == table.reused.tolist() == [1]
    table.start(0, first_values(kind, lambda ids: np.ones((len(ids), 3))))
    np.testing.assert_array_equal(table.table.numpy()[1], [0, 0])


def test_a_run_with_replay_whose_buffer_holds_expired_items():
    """The buffer keeps numbers of ids: each row's item has the texts and prices that it was learned with."""
    replay = Replay(Reservoir(size=40), ratio=0.5)
    state = make_state(make_shop(late=False), strategies=[replay])
    items, rows = state.model.features, state.model.item_table
    learned = {}
    for t in range(len(state.stream)):
        state.observe(t)
        for item, text in enumerate(items.candidates(state.history, np.arange(len(state.history.items)))["text"]):
            learned.setdefault(item, set()).add(int(text))
        costs = state.learn(range(t, t + 1), 1, 32)
        assert np.isfinite(costs["train/loss"])
    kept = replay.memory.kept()
    assert len(replay.memory) == 40
    assert "item_row" not in kept and "history_row" not in kept
    assert (~rows.policy.own[kept["item"]]).any()  # of items that have no row any more
    assert all(int(text) in learned[item] for item, text in zip(kept["item"], kept["text"], strict=True))
    features = state.model.table_rows({"item": kept["item"], "text": kept["text"]})
    np.testing.assert_array_equal(features["item_row"], rows.rows_of(kept["item"]))
    assert features["item_row"].max() < rows.policy.size


def test_two_items_of_one_bucket_are_candidates_of_each_other():
    """Accidental hits are those of the same id; items 0 and 1 have the same row but are not the same item."""
    world = World(admission=None, buckets=1)
    world.see([("u", 0), ("v", 1)])
    batch = world.model.features.candidates(world.history, np.array([0, 1, 1]))
    requests = Requests(np.array([0, 1, 0]))
    batch |= world.model.features.users(world.history, requests) | world.model.features.past(world.history, requests)
    batch = world.model.table_rows(batch | {"log_q": np.zeros(3, np.float32)})
    assert batch["item_row"].tolist() == [0, 0, 0]
    tensors = {key: tf.constant(values) for key, values in batch.items()}
    losses = world.model.task_losses(world.model(tensors), tensors)["retrieval"].numpy()
    # all scores are equal: row 0 has three candidates, rows 1 and 2 two each, as their other one is a hit
    np.testing.assert_allclose(losses, np.log([3, 2, 2]), rtol=1e-5)
    outputs = world.model(tensors)
    by_row = first_of_each(tensors["item_row"])
    by_rows = in_batch_softmax(outputs["query"], outputs["candidate"], *by_row, tensors["log_q"], 0.1)
    np.testing.assert_allclose(by_rows, 0, atol=1e-6)  # what rows instead of ids would have given


@pytest.mark.parametrize("new_items", ["mean", "text"])
def test_frozen_starts_rows_as_of_now(new_items):
    """Its index is a fresh one's: what a resumed run, which scores nothing of the past, would build."""
    frozen = Frozen()
    log = make_shop(days=57, per_day=10, late=False)
    state = make_state(log, make_model(new_items=new_items, dropout=0), {"frozen": frozen})
    lost = 0
    for t in range(len(state.stream)):
        if t >= 2:
            requests = state.truth(t).requests
            scores = frozen.score(state.history, requests)(slice(None)).numpy()
            fresh = copy.copy(frozen)
            fresh.scorer = TowerScores(Towers(state.model))
            np.testing.assert_array_equal(scores, fresh.score(state.history, requests)(slice(None)).numpy())
        state.observe(t)
        state.learn(range(t, t + 1), 1, 32)
        lost += state.model.item_table.policy.expired
        if t == 1:
            state.start_baselines()
    assert lost > 5
