"""The closed loop with a model that reads queries: a run that goes on has the same texts in the same rows."""

import numpy as np
import tf_keras

from tests.shop import Letters
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


def run(folder, products, last):
    model = make_model(encoder=Letters())
    stream = ClosedLoop(make_world(products), periods=6, base=3)
    state = StreamState(stream, model, Learner(model, tf_keras.optimizers.Adagrad(0.3)), {})
    tracker = Tracker(folder, {"name": "shop", "seed": 0}, "ndcg@5")
    loop = Incremental(base=3, last=last, base_epochs=1, batch_size=64)
    loop.run(state, EveryPeriod(), Evaluator(["ndcg@5"]), tracker, Checkpoints(folder / "checkpoints"))
    return state, tracker


def test_a_resumed_run_has_the_texts_of_the_uninterrupted_one(folder, tmp_path):
    whole, table = run(tmp_path / "whole", folder, last=5)
    run(tmp_path / "cut", folder, last=4)
    resumed, rows = run(tmp_path / "cut", folder, last=5)
    assert whole.model.features.searches
    assert resumed.model.features.texts.ids.tolist() == whole.model.features.texts.ids.tolist()
    assert rows.rows == table.rows
    for one, two in zip(whole.learner.model.variables, resumed.learner.model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())
