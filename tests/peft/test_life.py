"""A low-rank change from one update to the next, in two towers that learn a stream."""

import numpy as np
import pytest
import tf_keras

from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.encoders.presets import scratch
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.models.weights import Weights
from tfrec.peft.adalora import Adalora, parts_of
from tfrec.peft.lora import Lora
from tfrec.strategies.soup import Soup

TEXTS = ["apple", "dog food"]


def make_state(peft):
    model = make_model(encoder=scratch(layers=1, dropout=0.0, peft=peft), new_items="text")
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1), list(peft.strategies))
    return StreamState(Stream(make_interactions(per_day=12)), model, learner, {})


def learn(state, periods):
    for t in periods:
        state.observe(t)
        state.learn(range(t, t + 1), epochs=1, batch_size=64)


def encoder_of(state):
    return state.model.text.encoder


def layers_of(state):
    return Lora.added(encoder_of(state).backbone)


def kernels(state):
    return [layer.inner.kernel.numpy() for layer in layers_of(state)]


@pytest.mark.parametrize("life", ["continue", "merge", "stack"])
def test_what_an_update_learned_stays_or_goes_into_the_weights(life):
    state = make_state(Lora(rank=2, life=life))
    start = kernels(state)
    learn(state, range(2))
    moved = [not np.allclose(new, old) for new, old in zip(kernels(state), start, strict=True)]
    assert all(moved) if life != "continue" else not any(moved)
    assert all((layer.b.numpy() == 0).all() == (life != "continue") for layer in layers_of(state))
    names = {v.value.name.partition(":")[0] for layer in layers_of(state) for v in layer.factors}
    slots = [v for v in state.learner.optimizer.variables if any(name in v.name for name in names)]
    assert len(slots) == 2 * len(layers_of(state))
    assert all(np.unique(slot).size == 1 for slot in slots) == (life != "continue")  # as Adagrad starts them


def test_merging_leaves_the_vectors():
    state = make_state(Lora(rank=2, life="merge"))
    (life,) = state.learner.strategies
    life.consolidate = lambda learner, update: None
    learn(state, range(1))
    before = encoder_of(state)(TEXTS).numpy()
    del life.consolidate
    life.consolidate(state.learner, None)
    np.testing.assert_allclose(encoder_of(state)(TEXTS), before, atol=1e-5)


def test_weights_of_a_moment_have_what_was_merged_until_then():
    """What a frozen baseline scores by: no later update is in it, and the model has its own weights afterwards."""
    state = make_state(Lora(rank=2, life="merge"))
    learn(state, range(1))
    then, kept = encoder_of(state)(TEXTS).numpy(), Weights(state.model)
    learn(state, range(1, 3))
    now = encoder_of(state)(TEXTS).numpy()
    assert np.abs(now - then).max() > 1e-4
    with kept.applied():
        np.testing.assert_allclose(encoder_of(state)(TEXTS), then, atol=1e-6)
    np.testing.assert_array_equal(encoder_of(state)(TEXTS), now)


def test_a_new_start_takes_back_what_was_merged():
    state = make_state(Lora(rank=2, life="merge"))
    state.learner.keep_first()
    start = kernels(state)
    learn(state, range(2))
    assert not any(np.allclose(new, old) for new, old in zip(kernels(state), start, strict=True))
    state.learner.start_anew()
    for new, old in zip(kernels(state), start, strict=True):
        np.testing.assert_array_equal(new, old)


def test_a_new_start_counts_the_steps_of_the_parts_anew():
    state = make_state(Adalora(rank=4, target=2, start=0, end=2))
    state.learner.keep_first()
    learn(state, range(2))
    parts = parts_of(encoder_of(state).backbone)
    assert all(int(layer.steps) > 0 and any(mean.numpy().any() for mean in layer.mean) for layer in parts)
    state.learner.start_anew()
    assert not any(int(layer.steps) or any(mean.numpy().any() for mean in layer.mean) for layer in parts)


def test_merging_and_weights_of_several_updates_are_a_sentence():
    peft = Lora(rank=2, life="merge")
    model = make_model(encoder=scratch(layers=1, peft=peft), new_items="text")
    with pytest.raises(InputError, match="Soup makes weights of those of several updates, and peft.life=merge"):
        Learner(model, tf_keras.optimizers.SGD(0.1), [*peft.strategies, Soup()])


def test_a_stacked_change_can_be_taken_out_again():
    """Without the changes of all updates the weights are those of before; each can be taken once."""
    state = make_state(Lora(rank=2, life="stack"))
    (life,) = state.learner.strategies
    start = kernels(state)
    learn(state, range(3))
    copy = type(life)("stack")
    copy.restore(life.state())
    assert copy.updates == 3 and len(copy.stacked) == 3
    for update in (1, 0, 2):
        copy.take_out(state.model, update)
    for new, old in zip(kernels(state), start, strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)
    for update in (1, 3):
        with pytest.raises(InputError, match=f"There is no change of update {update}: .*stack"):
            copy.take_out(state.model, update)
    again = type(life)("stack")
    again.restore(copy.state())
    assert again.stacked == [[], [], []]


def test_the_budget_of_a_run_is_kept_to():
    """Parts of rank 4 in two layers: from step 3 on there are as many as the target says."""
    peft = Adalora(rank=4, target=1, start=0, end=3)
    state = make_state(peft)
    learn(state, range(4))
    assert state.learner.steps > 3
    (budget,) = peft.strategies
    kept = [np.count_nonzero(layer.factors[1]) for layer in budget.layers]
    assert sum(kept) == 2 and int(budget.layers[0].steps) == state.learner.steps


def test_an_unknown_life_is_a_sentence():
    with pytest.raises(InputError, match="peft.life is 'long': choose continue, merge, stack"):
        Lora(life="long")
