"""The closed loop inside the loop of a run: what is shown decides what is learned, and a kill changes nothing."""

import numpy as np
import pandas as pd
import pytest
import tf_keras

from tests.simulator.worlds import make_world
from tests.test_learner import make_model
from tfrec.checkpoint import Checkpoints
from tfrec.evaluate import Evaluator
from tfrec.learner import Learner
from tfrec.loops.incremental import Incremental
from tfrec.loops.state import StreamState
from tfrec.simulator.closed_loop import ClosedLoop
from tfrec.tracking import Tracker
from tfrec.trigger.every_period import EveryPeriod


def run(folder, products, last, rate=0.3):
    stream = ClosedLoop(make_world(products), periods=6, base=3)
    model = make_model()
    state = StreamState(stream, model, Learner(model, tf_keras.optimizers.Adagrad(rate)), {})
    tracker = Tracker(folder, {"name": "shop", "seed": 0}, "ndcg@5")
    loop = Incremental(base=3, last=last, base_epochs=2, batch_size=64)
    loop.run(state, EveryPeriod(), Evaluator(["ndcg@5"]), tracker, Checkpoints(folder / "checkpoints"))
    return state, tracker


@pytest.fixture(scope="module")
def whole(tmp_path_factory, folder):
    return run(tmp_path_factory.mktemp("whole"), folder, last=5)


def test_what_was_shown_and_its_worth_are_recorded(whole):
    state, tracker = whole
    table = pd.DataFrame(tracker.rows)
    np.testing.assert_allclose(table["served/regret"], table["served/oracle_clicks"] - table["served/clicks"])
    assert (table["served/regret"] > 0).all()
    assert tracker.means()["served/clicks"] == pytest.approx(table["served/clicks"].mean())


def test_other_weights_show_other_items_and_see_other_clicks(whole, folder, tmp_path):
    other, _ = run(tmp_path, folder, last=5, rate=0.01)
    one, two = whole[0].stream.log(4), other.stream.log(4)
    assert one["user"].tolist() == two["user"].tolist()  # the same users come
    assert one["item"].tolist() != two["item"].tolist()
    assert one["click"].tolist() != two["click"].tolist()


def test_a_run_that_goes_on_from_its_checkpoint_ends_the_same(whole, folder, tmp_path):
    run(tmp_path, folder, last=4)
    state, tracker = run(tmp_path, folder, last=5)
    assert tracker.rows == whole[1].rows
    for one, two in zip(whole[0].learner.model.variables, state.learner.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
