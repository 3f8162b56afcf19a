"""What every loss of retrieval in conf/model/loss must keep to."""

import types

import numpy as np
import pytest
import tf_keras
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.test_learner import grown, make_batch, make_model
from tfrec.build import build
from tfrec.errors import InputError
from tfrec.folders import conf_folder
from tfrec.learner import Learner


def make(name, **options):
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        cfg = compose("config", overrides=["model=two_tower", f"model/loss={name}"])
    return build(OmegaConf.to_container(cfg.model.loss) | options, "model.loss", seed=0)


NAMES = sorted(path.stem for path in (conf_folder() / "model" / "loss").glob("*.yaml"))
BY_DEFAULT = ("in_batch_softmax", "queue")  # without and with what a loss keeps of past batches
LOSSES = [name for name in NAMES if make(name).task == "retrieval"]


def trained(loss, jit_compile=False, steps=2):
    model = make_model(loss=loss)
    history = grown(model)
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1), jit_compile=jit_compile)
    losses = [float(learner.step(make_batch(model, history, seed=n))["loss"]) for n in range(steps)]
    return learner, losses


@pytest.mark.parametrize("name", LOSSES)
def test_two_steps_are_finite_move_both_towers_and_trace_once(name):
    learner, losses = trained(make(name))
    assert np.isfinite(losses).all() and learner.traces == 1
    still = make_model()
    grown(still)
    for table in ("user_table", "item_table"):
        before, after = (getattr(model, table).table.numpy() for model in (still, learner.model))
        assert np.abs(before - after).max() > 1e-3


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in BY_DEFAULT else pytest.mark.slow) for name in LOSSES]
)
def test_xla_gives_the_same_losses_and_weights(name):
    (plain, losses), (compiled, other) = (trained(make(name), jit) for jit in (False, True))
    np.testing.assert_allclose(losses, other, rtol=1e-4)
    for one, two in zip(plain.model.trainable_variables, compiled.model.trainable_variables, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_the_same_seed_gives_the_same_losses(name):
    assert trained(make(name))[1] == trained(make(name))[1]


def test_a_loss_of_another_task_is_refused():
    with pytest.raises(InputError, match="model/loss=SimpleNamespace is a loss of ranking, and model=two_tower"):
        make_model(loss=types.SimpleNamespace(task="ranking"))
