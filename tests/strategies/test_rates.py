import numpy as np
import pytest
import tf_keras

from tests.test_learner import grown, make_batch, make_model
from tfrec.encoders.presets import scratch
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.peft.full import Full
from tfrec.peft.prompt import Prompt
from tfrec.strategies.rates import Rates


def moved(*strategies):
    """What one step of gradient descent adds to each weight, by name."""
    encoder = scratch(layers=2, dropout=0.0, peft=Full())
    model = make_model(encoder=encoder, new_items="text")
    history = grown(model)
    learner = Learner(model, tf_keras.optimizers.SGD(0.5), list(strategies))
    batch = make_batch(model, history)
    learner.build({key: values[:2] for key, values in batch.items()})
    names = {value.ref(): f"encoder/{name}" for name, value in encoder.named_values().items()}
    before = [weight.numpy() for weight in model.trainable_variables]
    learner.step(batch)
    return {  # kernels of towers share a name
        names.get(weight.ref(), f"{weight.name} {place}"): weight.numpy() - before[place]
        for place, weight in enumerate(model.trainable_variables)
    }


def test_each_part_moves_at_its_rate():
    """Of the plain step: ids half, towers 0.7 times, the upper layer 0.4, the lower 0.2, embeddings 0.1 times."""
    plain, found = moved(), moved(Rates(encoder=0.4, ids=0.5, towers=0.7, layer_decay=0.5))
    assert plain.keys() == found.keys()
    seen = set()
    for name, step in plain.items():
        if name.startswith("encoder/transformer_layer_1"):
            rate = 0.4
        elif name.startswith("encoder/transformer_layer_0"):
            rate = 0.2
        elif name.startswith("encoder/"):
            rate = 0.1
        else:
            rate = 0.5 if name.startswith(("user/", "item/")) else 0.7
        seen.add(rate)
        # A bias of all keys alike moves no share of attention.
        assert np.abs(step).max() > 0 or "key/bias" in name
        np.testing.assert_allclose(found[name], rate * step, atol=2e-6)
    assert seen == {0.4, 0.2, 0.1, 0.5, 0.7}


@pytest.mark.parametrize(
    ("family", "peft", "name", "rate"),
    [("gpt2", Full(), "layer_norm/gamma", 1.0), ("bert", Prompt(2), "prompt/vectors", 0.25)],
)
def test_above_all_layers_there_is_no_decay_and_below_them_it_is_whole(family, peft, name, rate):
    """GPT-2 ends with a normalisation, a prompt stands before two layers: with a decay of 0.5 it learns at 0.5^2."""
    encoder = scratch(family, layers=2, peft=peft)
    strategy, model = Rates(encoder=1.0, layer_decay=0.5), make_model(encoder=encoder, new_items="text")
    strategy.build(model)
    found = dict(zip((weight.ref() for weight in model.trainable_variables), strategy._rates, strict=True))
    (weight,) = [value for key, value in encoder.named_values().items() if key.startswith(name)]
    assert found[weight.ref()] == rate


def test_rates_of_one_are_the_plain_step():
    plain, found = moved(), moved(Rates(encoder=1.0))
    for name, step in plain.items():
        np.testing.assert_array_equal(found[name], step)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": -1.0}, "strategy.rates has encoder=-1.0"),
        ({"layer_decay": 0.0}, "layer_decay is 0.0: choose above 0, up to 1"),
        ({"layer_decay": 1.5}, "layer_decay is 1.5"),
    ],
)
def test_rates_out_of_range_are_a_sentence(options, message):
    with pytest.raises(InputError, match=message):
        Rates(**options)
