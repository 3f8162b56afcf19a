from types import SimpleNamespace

import numpy as np
import pytest
import tf_keras

from tests.memories.offers import Read, offered, update_of
from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.distinct import distinct_candidates
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.memories.reservoir import Reservoir
from tfrec.memories.ring import Ring
from tfrec.memories.spmf import Spmf
from tfrec.strategies.ader import Ader
from tfrec.strategies.agem import Agem
from tfrec.strategies.der import Der
from tfrec.strategies.gdumb import Gdumb
from tfrec.strategies.replay import Replay


def make_state(*strategies):
    model = make_model()
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1), list(strategies))
    return StreamState(Stream(make_interactions()), model, learner, {}, seed=5)


def test_rows_of_the_memory_are_added_to_the_batch():
    replay = Replay(Reservoir(size=100))
    for start in (0, 30, 60):
        replay.consolidate(None, update_of(np.arange(start, start + 30)))
    np.testing.assert_array_equal(replay.memory.rows["number"][:90], np.arange(90))
    drawn = replay.augment({"number": np.full(400, -1)})["number"]
    assert (drawn[:400] == -1).all() and len(drawn) == 500
    assert set(drawn[400:]) <= set(range(90))


def test_the_memory_is_the_one_that_was_given_or_a_reservoir():
    memory = Ring(3)
    assert Replay(memory).memory is memory
    assert type(Replay(seed=4).memory) is Reservoir and Replay(seed=4).memory.seed == 4


def test_before_anything_is_learned_batches_stay_as_they_are():
    batch = {"number": np.arange(8)}
    assert Replay().augment(batch) is batch


@pytest.mark.parametrize("ratio, rows", [(0.5, 4), (0.25, 2), (0.01, 1), (1.25, 10)])
def test_the_ratio_says_how_many_rows_are_added(ratio, rows):
    replay = Replay(Reservoir(size=10), ratio=ratio)
    replay.consolidate(None, update_of(np.arange(10)))
    assert len(replay.augment({"number": np.arange(8)})["number"]) == 8 + rows


def test_more_rows_than_the_memory_has_room_for_are_a_sentence():
    """With the first batch, before the base is learned: the memory is still empty."""
    replay = Replay(Reservoir(size=3), ratio=0.5)
    with pytest.raises(InputError, match="strategy.replay.memory.size is 3 rows, but 4 are drawn for a batch of 8"):
        replay.augment({"number": np.arange(8)})


@pytest.mark.parametrize("ratio", [0, -1, 11])
def test_a_ratio_out_of_range_is_a_sentence(ratio):
    with pytest.raises(InputError, match=f"strategy.replay.ratio is {ratio}: choose above 0, up to 10"):
        Replay(ratio=ratio)


def test_an_unlimited_memory_has_exactly_the_rows_of_the_stream():
    replay = Replay(Reservoir(size=10_000), ratio=0.5)
    state, rows = make_state(replay), []
    for t in range(3):
        state.observe(t)
        update = state.update(range(t, t + 1))
        rows.append(update.examples.rows(np.arange(len(update.examples)), update.candidates))
        state.learn(range(t, t + 1), epochs=2, batch_size=64)
    kept = replay.memory.kept()
    assert kept.keys() == rows[0].keys()
    for key, values in kept.items():
        np.testing.assert_array_equal(values, np.concatenate([part[key] for part in rows]))
    np.testing.assert_array_equal(replay.memory.facts["period"], np.repeat(range(3), state.sizes[:3]))


def test_whole_epochs_of_an_unlimited_memory_are_the_cumulative_method():
    """From the same start, with the same seed and order, the weights are equal bit for bit."""
    replayed, cumulative = make_state(Gdumb(Reservoir(size=10_000))), make_state()
    for t in range(3):
        replayed.observe(t)
        replayed.learn(range(t, t + 1), epochs=2, batch_size=64, log_q_window=3)
        cumulative.observe(t)
    cumulative.learn(range(3), epochs=2, batch_size=64, log_q_window=3)
    for one, two in zip(replayed.model.variables, cumulative.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def update_with_shares(share, item):
    """An update of examples of `item`, whose log Q is that of the shares `[items]`."""
    update = update_of(np.arange(len(item)), item, loss=np.linspace(0, 1, len(item), dtype=np.float32))
    update.candidates.update(update_of([], np.arange(len(share))).candidates, log_q=np.log(share).astype(np.float32))
    return update


@pytest.mark.parametrize("name, share", [("replay", 0.5), ("der", 0.3), ("ader", 0), ("agem", 0), ("spmf", 0.5)])
def test_log_q_is_how_often_an_item_is_a_candidate_of_a_batch(name, share):
    """Over 3,000 batches of 8 rows of now (items 0 and 1, by shares) and 4 of the memory (items 1 to 3, one the oftener
    the higher its loss)."""
    now, rng = np.array([0.6, 0.4 - 2e-6, 1e-6, 1e-6]), np.random.default_rng(0)
    past = update_with_shares(now, np.array([1, 2, 2, 2, 3, 3, 3, 3]))
    memory = offered((Spmf if name == "spmf" else Reservoir)(10), past)
    kinds = {"der": Der, "ader": Ader, "agem": Agem}
    strategy = kinds.get(name, Replay)(memory, ratio=0.5, **({"beta": share} if name == "der" else {}))
    strategy.look(SimpleNamespace(model=Read()), past)
    update = strategy.prepare(None, past)
    if name == "replay":  # q_B = 0, 1/8, 3/8, 4/8
        by_hand = (now + [0, 1 / 16, 3 / 16, 4 / 16]) / 1.5
        np.testing.assert_allclose(np.exp(update.candidates["log_q"]), by_hand, rtol=1e-5)
    total = np.zeros(4)
    for _ in range(3_000):
        item = rng.choice(2, 8, p=[0.6, 0.4])
        own = {"number": np.arange(8), "item": item, "loss": np.zeros(8, np.float32), "category/kind": item % 2}
        batch = strategy.augment(own | {"log_q": update.candidates["log_q"][item]})
        np.testing.assert_array_equal(batch["log_q"], update.candidates["log_q"][batch["item"]])
        found = distinct_candidates(batch, {"item", "log_q"})
        np.add.at(total, found["item"], found["count"])  # padding has an item again, with a count of 0
    np.testing.assert_allclose(total / total.sum(), np.exp(update.candidates["log_q"]), atol=0.01)


def test_of_several_memories_log_q_is_of_the_whole_batch():
    """A batch of 8 rows gets 4, and these 12 get 6: by hand `((q_t + q_1 / 2) / 1.5 + q_2 / 2) / 1.5`."""
    update = update_with_shares(np.array([0.5, 0.25, 0.25]), np.array([0, 0, 1, 2]))
    one, two = (Replay(offered(Reservoir(10), update_with_shares(np.ones(3), np.array(i))), 0.5) for i in ([1], [2]))
    learned = two.prepare(None, one.prepare(None, update))
    q = np.array([0.5 / 1.5 / 1.5, 0.75 / 1.5 / 1.5, (0.25 / 1.5 + 0.5) / 1.5])
    np.testing.assert_allclose(np.exp(learned.candidates["log_q"]), q, rtol=1e-5)
    batch = learned.examples.rows(np.arange(4), learned.candidates)
    joined = two.augment(one.augment(batch))
    np.testing.assert_allclose(np.exp(joined["log_q"]), q[joined["item"]], rtol=1e-5)
    np.testing.assert_array_equal(update.candidates["log_q"], np.log([0.5, 0.25, 0.25]).astype(np.float32))
