"""Masked words and what is bought together, before an update."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.test_learner import make_model
from tests.toy import make_interactions
from tfrec.data.stream import Stream
from tfrec.encoders.presets import scratch
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.peft.full import Full
from tfrec.strategies.co_purchases import CoPurchases, baskets
from tfrec.strategies.masked_words import MaskedWords

TEXTS = ["red apple juice 1 l", "sugar", "", "dog food, dry, for large dogs"]


def make_state(strategy, encoder=None):
    encoder = encoder or scratch(layers=1, max_length=16, dropout=0.0, peft=Full())
    learner = Learner(make_model(encoder=encoder, new_items="text"), tf_keras.optimizers.SGD(0.0), [strategy])
    return StreamState(Stream(make_interactions(per_day=12)), learner.model, learner, {})


def learn(state, t):
    state.observe(t)
    state.learn(range(t, t + 1), epochs=1, batch_size=64)


def bought(query, text):
    """An update, of which `ready` looks at the pairs alone."""
    examples = SimpleNamespace(query=query, item=np.arange(len(text)))
    return SimpleNamespace(examples=examples, candidates={"text": text}, period=3)


def test_words_are_hidden_as_often_as_said():
    """Of 2,000 texts of one to 27 letters: at least one token, at most round(0.15 * 32) = 5, never start or end."""
    strategy, encoder = MaskedWords(), scratch()
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdef"), rng.integers(1, 28))) for _ in range(2000)]
    tokens = encoder.tokenize(texts)
    batch = strategy.hidden(encoder, tokens, rng)
    words = (tokens != encoder.pad_id).sum(1) - 2
    number = np.minimum(np.ceil(0.15 * words), 5)
    np.testing.assert_array_equal(batch["weight"].sum(1), number)
    counted = batch["weight"] > 0
    rows = np.arange(len(tokens))[:, None]
    np.testing.assert_array_equal(batch["labels"], tokens[rows, batch["places"]])
    assert (batch["places"][counted] > 0).all()
    assert (batch["places"] < (words + 1)[:, None])[counted].all()
    shown = batch["tokens"][rows, batch["places"]][counted]
    masked = (shown == encoder.tokenizer.mask_token_id).mean()
    same = (shown == batch["labels"][counted]).mean()
    assert masked == pytest.approx(0.8, abs=0.02) and same == pytest.approx(0.1, abs=0.02)
    changed = batch["tokens"] != tokens
    assert changed.sum() == counted.sum() - round(same * counted.sum())


def test_a_text_without_words_hides_nothing():
    encoder = scratch()
    tokens = encoder.tokenize([""])
    batch = MaskedWords().hidden(encoder, tokens, np.random.default_rng(0))
    assert not batch["weight"].any()
    np.testing.assert_array_equal(batch["tokens"], tokens)


def test_the_loss_of_masked_words_is_the_mean_over_hidden_ones():
    encoder, strategy = scratch(dropout=0.0, peft=Full()), MaskedWords()
    strategy.start(encoder)
    batch = strategy.hidden(encoder, encoder.tokenize(TEXTS), np.random.default_rng(0))
    # BERT's head: gelu(W h + b), normalised, times the table of tokens, plus a bias.
    dense, normalise = strategy._head._intermediate_dense, strategy._head._intermediate_layer_norm
    hidden = np.take_along_axis(encoder.hidden(batch["tokens"]).numpy(), batch["places"][:, :, None], axis=1)
    inner = hidden @ dense.kernel.numpy() + dense.bias.numpy()
    inner *= 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
    inner = (inner - inner.mean(-1, keepdims=True)) / np.sqrt(inner.var(-1, keepdims=True) + normalise.epsilon)
    logits = inner @ encoder.plain.token_embedding.embeddings.numpy().T  # scales are 1, other biases 0 at the start
    total, number = 0.0, 0
    for row, places in enumerate(batch["weight"] > 0):
        for place in np.flatnonzero(places):
            scores = logits[row, place].astype(float)
            total += np.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[batch["labels"][row, place]]
            number += 1
    found = strategy.loss(encoder, {key: tf.constant(values) for key, values in batch.items()})
    assert float(found) == pytest.approx(total / number, rel=1e-4)


def test_pairs_are_of_one_user_and_of_two_texts():
    """User-periods 0 and 2 have three and two texts, 1 has one, twice."""
    query, text = np.array([0, 0, 0, 0, 1, 1, 2, 2]), np.array([5, 6, 7, 5, 8, 8, 5, 9])
    one, two = CoPurchases(batch_size=4000).pairs(*baskets(query, text), np.random.default_rng(0))
    found, counts = np.unique(np.stack([one, two]), axis=1, return_counts=True)
    assert set(map(tuple, found.T)) == {(5, 6), (6, 5), (5, 7), (7, 5), (6, 7), (7, 6), (5, 9), (9, 5)}
    # 3 of 5 texts are of the first: each of its 6 ordered pairs 1 in 10, each of the other's 2 pairs 1 in 5.
    shares = {(5, 9): 0.2, (9, 5): 0.2}
    for pair, count in zip(map(tuple, found.T), counts, strict=True):
        assert count / 4000 == pytest.approx(shares.get(pair, 0.1), abs=0.02)


def test_the_loss_of_co_purchases_by_hand():
    """Rows 0 and 2 of the second half have one text: neither is a negative of the other. Row 1 of the first half has
    that of row 0 of the second, which is no negative of it either."""

    class Vectors:
        def __call__(self, tokens, training):
            return tf.cast(tokens, tf.float32)

    rng = np.random.default_rng(0)
    vectors, text = rng.normal(size=(6, 4)), np.array([1, 7, 3, 7, 8, 7])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = unit[:3] @ unit[3:].T / 0.5
    total = 0
    for i in range(3):
        own = {text[i], text[3 + i]}
        kept = [j for j in range(3) if j == i or text[3 + j] not in own]
        total += np.log(np.exp(scores[i, kept]).sum()) - scores[i, i]
        kept = [j for j in range(3) if j == i or text[j] not in own]
        total += np.log(np.exp(scores[kept, i]).sum()) - scores[i, i]
    batch = {"tokens": tf.constant(vectors), "text": tf.constant(text)}
    assert float(CoPurchases(0.5).loss(Vectors(), batch)) == pytest.approx(total / 6, rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "every", "times"), [(MaskedWords, 2, [1, 1, 2]), (CoPurchases, None, [1, 1]), (CoPurchases, 2, [1, 1, 2])]
)
def test_it_learns_before_the_base_and_every_few_updates(kind, every, times, caplog):
    strategy = kind(steps=4, batch_size=16, learning_rate=1e-2, every=every)
    state = make_state(strategy)
    encoder = state.model.text.encoder
    first = {name: value.numpy() for name, value in encoder.named_values().items()}
    with caplog.at_level("INFO"):
        for t, expected in enumerate(times):
            learn(state, t)
            assert caplog.text.count(f"{strategy.name}: 4 steps") == expected
    moved = [name for name, value in encoder.named_values().items() if not np.array_equal(value, first[name])]
    assert len(moved) > 10  # the run's own optimizer has a rate of 0


@pytest.mark.parametrize("kind", [MaskedWords, CoPurchases])
def test_its_loss_falls(kind, caplog):
    state = make_state(kind(steps=60, batch_size=32, learning_rate=3e-3))
    with caplog.at_level("INFO"):
        learn(state, 0)
    (line,) = [each.message for each in caplog.records if ": 60 steps" in each.message]
    first, last = float(line.split("loss ")[1].split()[0]), float(line.rsplit(", ", 1)[1].split()[0])
    assert last < first


def test_what_was_learned_of_masked_words_is_kept():
    strategy, other = (MaskedWords(steps=2, batch_size=8, every=1) for _ in range(2))
    learn(make_state(strategy), 0)
    other.restore(strategy.state())
    assert other.state().keys() == strategy.state().keys()  # killed again before the next time
    other.start(scratch(layers=1, peft=Full()))
    assert other.updates == 1
    for one, two in zip(strategy._own(), other._own(), strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


@pytest.mark.parametrize("kind", [MaskedWords, CoPurchases])
def test_errors_say_what_to_do(kind):
    name = kind.__module__.rpartition(".")[2]
    with pytest.raises(InputError, match=f"strategy={name} teaches a text encoder.* a peft other than frozen"):
        learn(make_state(kind(), scratch(layers=1)), 0)
    for options in ({"steps": 0}, {"batch_size": 1}, {"learning_rate": 0.0}, {"every": 0}):
        with pytest.raises(InputError, match=f"strategy.{name} has steps="):
            kind(**options)


def test_nobody_who_bought_two_items_is_a_sentence_before_the_base_and_a_rest_later(caplog):
    strategy = CoPurchases(steps=1, batch_size=4, every=1)
    lone = bought(np.arange(4), np.arange(4))
    strategy.updates = 1
    with pytest.raises(InputError, match="nothing to learn from: nobody bought two different items in one period"):
        strategy.ready(lone)
    strategy.updates = 2
    with caplog.at_level("INFO"):
        assert not strategy.ready(lone)
    assert "nothing is learned" in caplog.text
    assert strategy.ready(bought(np.array([0, 0]), np.array([1, 2])))
    assert not strategy.ready(bought(np.array([0, 0, 1]), np.array([1, 1, 2])))


def test_where_updates_start_anew_it_learns_before_each(caplog):
    strategy = MaskedWords(steps=2, batch_size=8)
    state = make_state(strategy)
    state.learner.keep_first()
    with caplog.at_level("INFO"):
        for t in range(2):
            state.learner.start_anew()
            learn(state, t)
    assert caplog.text.count("masked_words: 2 steps") == 2


def test_a_share_or_temperature_out_of_range_is_a_sentence():
    with pytest.raises(InputError, match="share is 1.0: choose above 0, below 1"):
        MaskedWords(share=1.0)
    with pytest.raises(InputError, match="temperature is 0.0: choose above 0"):
        CoPurchases(temperature=0.0)
