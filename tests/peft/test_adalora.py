"""Importance, budget and the pieces that are kept."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.peft.backbones import backbone_of, inputs_of, rows_of
from tfrec.peft.adalora import Adalora, Parts

START, END, RANK, TARGET = 3, 9, 4, 1


def adapted(**options):
    """A strategy with the layers of a small backbone (two layers' query and value), and the model it asks."""
    method = Adalora(rank=RANK, target=TARGET, start=START, end=END, **options)
    backbone = method.adapt(backbone_of())
    weights = [v.value for v in backbone.trainable_variables]
    model = SimpleNamespace(
        text=SimpleNamespace(encoder=SimpleNamespace(backbone=backbone)), trainable_variables=weights
    )
    (strategy,) = method.strategies
    strategy.build(model)
    return strategy, model, backbone


def test_a_change_is_its_formula():
    """`x W + b + alpha / rank * ((x Q') lambda) P`."""
    backbone = Adalora(rank=3, target=1, alpha=6.0, layers=["feedforward_output_dense"]).adapt(backbone_of())
    layer = backbone.transformer_layers[0]._feedforward_output_dense
    assert isinstance(layer, Parts)
    rng = np.random.default_rng(0)
    for factor in layer.factors:
        factor.assign(rng.normal(size=factor.shape))
    x = rng.normal(size=(5, 32)).astype(np.float32)
    q, lam, p = (factor.numpy() for factor in layer.factors)
    expected = x @ layer.inner.kernel.numpy() + layer.inner.bias.numpy() + 2 * ((x @ q.T) * lam[:, 0]) @ p
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-4)


def test_the_budget_falls_as_a_cube():
    """Of 4 layers: 16 parts until step 3, then `4 + 12 (1 - (t - 3) / 6)^3`, rounded up: by hand 10.9, 7.6, 5.5, 4.4,
    4.06, and 4 from step 9 on."""
    strategy, _, _ = adapted()
    found = [int(strategy.parts(tf.constant(step))) for step in range(12)]
    assert found == [16, 16, 16, 16, 11, 8, 6, 5, 5, 4, 4, 4]


def test_what_is_not_orthogonal_is_penalised():
    """`|P P' - I|^2 + |Q Q' - I|^2` in the mean over layers: rows of 2 e_i give (4 - 1)^2 for each of 4 rows."""
    strategy, model, _ = adapted(orthogonal=0.5)
    for layer in strategy.layers:
        for n, scale in ((0, 2.0), (2, 1.0)):
            layer.factors[n].assign(scale * np.eye(*layer.factors[n].shape))
    assert float(strategy.penalty(model, {}, None)) == pytest.approx(0.5 * 4 * 9)


def test_the_most_important_parts_are_kept():
    """Step by step against numpy: smoothed |w g| times its smoothed deviation, the first b of all layers."""
    strategy, model, _ = adapted(beta_1=0.6, beta_2=0.7)
    rng, weights = np.random.default_rng(1), model.trainable_variables
    mean = [np.zeros(w.shape) for w in weights]
    deviation = [np.zeros(w.shape) for w in weights]
    order = [place for places in strategy._places for place in places]
    assert sorted(order) == list(range(12))
    gone = set()
    for step in range(1, 14):
        for weight in weights:
            weight.assign(rng.normal(size=weight.shape))
        if step > END + 1:  # what the optimizer moves does not come back
            assert gone
            for layer, part in gone:
                lam = strategy.layers[layer].factors[1]
                lam.assign(np.where(np.arange(RANK)[:, None] == part, 0.0, lam))
        before = [tf.identity(weight) for weight in weights]
        slopes = [tf.constant(rng.normal(size=w.shape), tf.float32) for w in weights]
        strategy.after_step(model, before, slopes)
        scores = []
        for places in strategy._places:
            total = 0
            for place in places:
                worth = np.abs(before[place].numpy() * slopes[place].numpy())
                mean[place] = 0.6 * mean[place] + 0.4 * worth
                deviation[place] = 0.7 * deviation[place] + 0.3 * np.abs(worth - mean[place])
                total = total + (mean[place] * deviation[place]).mean(axis=1)
            scores.append(total)
        scores = {(n, part): value for n, each in enumerate(scores) for part, value in enumerate(each)}
        if step > END + 1:
            scores |= dict.fromkeys(gone, -1.0)
        kept = sorted(scores, key=scores.get, reverse=True)[: int(strategy.parts(tf.constant(step)))]
        found = {
            (n, part) for n, layer in enumerate(strategy.layers) for part in np.flatnonzero(layer.factors[1][:, 0])
        }
        assert found == set(kept)
        if step > END:
            gone = set(scores) - set(kept)


def test_gradients_that_float16_leaves_out_count_as_nothing():
    strategy, model, _ = adapted()
    slopes = [tf.fill(w.shape, np.nan) for w in model.trainable_variables]
    strategy.after_step(model, [tf.identity(w) for w in model.trainable_variables], slopes)
    assert all((m.numpy() == 0).all() for layer in strategy.layers for m in layer.mean)


def test_the_start_leaves_the_rows_as_they_are():
    backbone = backbone_of()
    before = rows_of(backbone, inputs_of(backbone)).numpy()
    np.testing.assert_array_equal(rows_of(Adalora().adapt(backbone), inputs_of(backbone)), before)
