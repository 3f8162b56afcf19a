"""Queries come from attributes, are misspelled as often as asked, and their ground truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.worlds import make_world
from tfrec.errors import InputError
from tfrec.simulator.misspelling import NEIGHBOURS, eligible, misspelled
from tfrec.simulator.queries import ATTRIBUTES, Queries
from tfrec.simulator.wording import words
from tfrec.simulator.world import SLATES

MANY = {"visits__activity": 8.0, "queries__search_share": 0.5}


def current_text(markets, t, row):
    return markets._rows(markets[t], np.array([row]))["text"].iloc[0]


@pytest.mark.parametrize("t", [0, 4])
def test_without_misspelling_every_word_is_one_of_the_intended_items_text(folder, t):
    world = make_world(folder, queries__misspelling=0.0, rewriting__rate=0.2, **MANY)
    requests = world.requests(t)
    searches = np.flatnonzero(requests.intended >= 0)
    assert len(searches) > 200
    for n in searches[:300]:
        typed = requests.query[n].split()
        assert typed and set(typed) <= set(current_text(world.markets, t, requests.intended[n]).split())
        assert len(typed) == len(set(typed))


def test_no_query_means_an_item_that_is_not_born(folder):
    world = make_world(folder, catalogue__new_share=0.5, **MANY)
    for t in range(7):
        intended = world.requests(t).intended
        assert (world.items.born[intended[intended >= 0]] <= t).all()
    assert (world.items.born[intended[intended >= 0]] > 0).any()


def test_the_stated_share_are_searches(folder):
    requests = make_world(folder, **MANY).requests(0)
    search = requests.query != ""
    assert abs(search.mean() - 0.5) < 5 * np.sqrt(0.25 / len(requests))
    np.testing.assert_array_equal(search, requests.intended >= 0)
    np.testing.assert_array_equal(search, requests.asked.any(1))


def test_the_misspelling_rate_is_as_asked_and_changes_nothing_else(folder):
    """The same world without misspelling has the same queries, word for word: so each error is seen."""
    right, wrong = (make_world(folder, queries__misspelling=rate, **MANY).requests(0).query for rate in (0.0, 0.3))
    pairs = [pair for a, b in zip(right, wrong, strict=True) for pair in zip(a.split(), b.split(), strict=True)]
    may = [(a, b) for a, b in pairs if eligible(a)]
    assert all(a == b for a, b in pairs if not eligible(a))
    rate = np.mean([a != b for a, b in may])
    assert len(may) > 1000 and abs(rate - 0.3) < 5 * np.sqrt(0.3 * 0.7 / len(may))


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12), st.integers(0, 10_000))
def test_a_misspelled_word_is_one_edit_away(word, seed):
    """An insertion, a deletion, a neighbouring key, or two letters next to each other exchanged; never nothing."""
    typed = misspelled(word, np.random.default_rng(seed))
    places = range(len(word) + 1)
    longer = {word[:k] + letter + word[k:] for k in places for letter in NEIGHBOURS}
    shorter = {word[:k] + word[k + 1 :] for k in places[:-1]}
    key = {word[:k] + letter + word[k + 1 :] for k in places[:-1] for letter in NEIGHBOURS[word[k]]}
    exchanged = {word[:k] + word[k + 1] + word[k] + word[k + 2 :] for k in places[:-2]}
    assert typed != word and typed in longer | shorter | key | exchanged


def test_keys_have_their_neighbours():
    assert set(NEIGHBOURS["g"]) == set("fhtyvb")
    assert set(NEIGHBOURS["q"]) == set("wa") and set(NEIGHBOURS["m"]) == set("njk")
    assert all(a in NEIGHBOURS[b] for a in NEIGHBOURS for b in NEIGHBOURS[a])


def test_relevance_is_the_share_of_the_named_attributes_that_an_item_has(folder):
    """Against a loop over items and attributes, with the package sizes of the time."""
    world = make_world(folder, rewriting__rate=0.3, rewriting__size_share=1.0, **MANY)
    t, requests, items = 3, world.requests(3), world.items
    codes = items.codes | {"size": world.markets[3].size}
    relevance = world.relevance(t, requests.asked, requests.wanted)
    for n in range(0, len(requests), 37):
        named = [name for name, asked in zip(ATTRIBUTES, requests.asked[n], strict=True) if asked]
        same = [codes[name] == codes[name][requests.intended[n]] for name in named]
        expected = np.mean(same, axis=0) if named else np.zeros(len(items))
        np.testing.assert_allclose(relevance[n], expected, rtol=1e-6)
        np.testing.assert_allclose(world.relevance_to(t * SLATES + n), expected, rtol=1e-6)
        assert not named or relevance[n, requests.intended[n]] == 1
    some = np.array([[3, 5]] * len(requests))
    np.testing.assert_array_equal(world.relevance(t, requests.asked, requests.wanted, some), relevance[:, [3, 5]])


def test_only_attributes_with_words_are_named_and_as_often_as_asked(folder):
    world = make_world(folder, **MANY)
    requests = world.requests(0)
    search = requests.intended >= 0
    asked, wanted = requests.asked[search], requests.wanted[:, search]
    for k, name in enumerate(ATTRIBUTES):
        has = np.array([bool(words(value)) for value in world.items.values[name]])[wanted[k]]
        assert not asked[~has, k].any()
        chance = world.queries.named[name]
        if name != "type":  # which is also named where nothing else is
            assert abs(asked[has, k].mean() - chance) < 5 * np.sqrt(chance * (1 - chance) / has.sum())
        else:
            assert asked[has, k].mean() >= chance - 5 * np.sqrt(chance * (1 - chance) / has.sum())


def test_users_search_for_what_they_like(folder):
    """Of 20 items drawn evenly the liked one is meant: its match is above that of items at large, which is about 0."""
    world = make_world(folder, **MANY)
    requests = world.requests(0)
    search = requests.intended >= 0
    match = world._match(0, requests.user[search], requests.intended[search][:, None])
    everything = world._match(0, requests.user[search], None)
    assert match.mean() > everything.mean() + 0.5


@pytest.mark.parametrize(
    "knobs, message",
    [
        ({"search_share": 1.5}, "queries.search_share is 1.5"),
        ({"misspelling": -0.1}, "queries.misspelling is -0.1"),
        ({"considered": 0}, "queries.considered is 0"),
        ({"named": {"type": 1.0}}, "give exactly type, category, brand, size"),
        ({"named": {"type": 2.0, "category": 0, "brand": 0, "size": 0}}, "queries.named.type is 2.0"),
    ],
)
def test_a_knob_outside_of_its_range_is_named(knobs, message):
    with pytest.raises(InputError, match=message):
        Queries(**knobs)
