import numpy as np
import pytest
import tf_keras

from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.strategies.id_rates import IdRates


def moves(known, new):
    """Of one plain step of period 3, in which items are new: tables before and after, and how many rows were known.

    Before it, ids are learned as without the strategy.
    """
    strategy, model = IdRates(1.0, 1.0), make_model()
    learner = Learner(model, tf_keras.optimizers.SGD(0.1), [] if known is None else [strategy])
    state = StreamState(Stream(make_interactions(per_day=12)), model, learner, {})
    for t in range(3):
        state.observe(t)
        state.learn(range(t, t + 1), epochs=1, batch_size=64)
    items = model.item_table.rows
    strategy.known, strategy.new = known, new
    state.observe(3)
    before = {name: table.table.numpy() for name, table in (("item", model.item_table), ("user", model.user_table))}
    bias = model.history_map.map.bias.numpy()
    state.learn(range(3, 4), epochs=1, batch_size=state.sizes[3])
    after = {"item": model.item_table.table.numpy(), "user": model.user_table.table.numpy()}
    steps = {name: after[name] - before[name] for name in before} | {"bias": model.history_map.map.bias.numpy() - bias}
    return before, steps, items, model.item_table.rows


@pytest.fixture(scope="module")
def plain():
    return moves(None, None)


def test_known_rows_move_by_their_part_of_the_step_and_new_ones_by_theirs(plain):
    before, steps, items, total = plain
    found, slower, _, _ = moves(0.3, 0.5)
    np.testing.assert_allclose(found["item"], before["item"], atol=1e-6)
    np.testing.assert_allclose(slower["item"][:items], 0.3 * steps["item"][:items], atol=1e-6)
    np.testing.assert_allclose(slower["item"][items:total], 0.5 * steps["item"][items:total], atol=1e-6)
    np.testing.assert_allclose(slower["user"], 0.3 * steps["user"], atol=1e-6)
    np.testing.assert_allclose(slower["bias"], steps["bias"], atol=1e-6)  # which is no row of an id
    assert total > items and np.abs(steps["item"][items:total]).max() > 1e-3 < np.abs(steps["item"][:items]).max()


def test_rates_of_1_are_plain_learning(plain):
    before, steps, _, _ = plain
    found, same, _, _ = moves(1.0, 1.0)
    for name in before:
        np.testing.assert_allclose(found[name] + same[name], before[name] + steps[name], atol=1e-6)


def test_what_was_learned_is_in_its_state():
    strategy, copy = IdRates(), IdRates()
    strategy.period = 4
    copy.restore(strategy.state())
    assert copy.period == 4


@pytest.mark.parametrize("options", [{"known": -0.1}, {"new": -1.0}])
def test_negative_rates_are_a_sentence(options):
    with pytest.raises(InputError, match="strategy.id_rates has known=.*, new=.*: choose 0 or more"):
        IdRates(**options)
