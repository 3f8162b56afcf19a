"""Every option of the groups inside model=two_tower trains, found from its folder."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tests.shop import Letters
from tests.test_learner import grown, make_batch
from tfrec.build import build
from tfrec.data.features import TowerFeatures
from tfrec.errors import InputError
from tfrec.folders import conf_folder
from tfrec.layers.history.gru import Gru
from tfrec.models.two_tower import TwoTower

CONF = conf_folder()
CHOICES = sorted(
    (path.parent.name, path.stem) for g in ("history", "fusion") for path in CONF.glob(f"model/{g}/*.yaml")
)


def composed(*overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        cfg = compose("config", overrides=["model.dim=16", "model.new_items=mean", *overrides])
    return OmegaConf.to_container(cfg.model, resolve=True)


@pytest.mark.parametrize("group, choice", CHOICES)
def test_every_choice_learns_in_two_steps(group, choice):
    model = build(composed(f"model/{group}={choice}", "model.features.history_length=5"), "model", seed=0)
    history = grown(model)
    batch = {key: tf.constant(value) for key, value in model.batch(make_batch(model, history)).items()}
    model(batch)
    before = [variable.numpy() for variable in model.trainable_variables]
    optimizer = tf_keras.optimizers.SGD(1e-3)  # small enough to go downhill
    losses = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            losses.append(model.compute_loss(batch, training=True))
        gradients = tape.gradient(losses[-1], model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    assert np.isfinite(losses).all() and losses[1] < losses[0]
    after = [variable.numpy() for variable in model.trainable_variables]
    assert sum((one != other).any() for one, other in zip(before, after, strict=True)) >= 3
    assert all(np.isfinite(values).all() for values in after)


def test_what_an_item_is_worth_without_its_id_and_without_its_text_is_asked_by_one_key_each():
    texts = build(composed("model.ids=false"), "model", encoder=Letters(), seed=0)
    both = build(composed("model.new_items=text"), "model", encoder=Letters(), seed=0)
    ids = build(composed("model.new_items=mean"), "model", encoder=None, seed=0)
    has = [(model.item_table is not None, model.text is not None) for model in (texts, both, ids)]
    assert has == [(False, True), (True, True), (True, False)]
    with pytest.raises(InputError, match="model.ids=false.*encoder=none"):
        build(composed("model.ids=false"), "model", encoder=None, seed=0)


def test_a_history_encoder_without_a_history_is_a_sentence_with_both_keys():
    with pytest.raises(InputError, match="model.history.*model.features.history_length=0"):
        TwoTower(history=Gru(), features=TowerFeatures(history_length=0), new_items="mean")
    build(composed("model.features.history_length=0"), "model", seed=0)  # the mean needs none
