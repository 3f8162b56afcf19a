"""Configuration nodes become objects, and mistakes become sentences."""

import re

import pytest
import tf_keras

from tfrec.build import build, check_keys
from tfrec.errors import InputError

HERE = "tests.test_build"


class Inner:
    def __init__(self, size, seed=0):
        self.size, self.seed = size, seed


class Outer:
    def __init__(self, inner=None, width=3, seed=0, columns=None):
        self.inner, self.width, self.seed, self.columns = inner, width, seed, columns


class Open:
    """Takes any key, and says itself which it knows."""

    def __init__(self, rate=0.1, **others):
        if others:
            raise TypeError(f"{list(others)} not recognized")
        self.rate = rate


def total(first, second=2):
    return first + second


CONSTANT = 3


def node(target, **values):
    return {"_target_": f"{HERE}.{target}", **values}


def test_a_node_becomes_an_object():
    built = build(node("Outer", width=5), "outer")
    assert type(built).__name__ == "Outer" and (built.width, built.seed, built.inner) == (5, 0, None)


def test_a_target_may_be_a_function():
    assert build(node("total", first=40), "sum") == 42


def test_nested_nodes_are_built_first():
    built = build(node("Outer", inner=node("Outer", inner=node("Inner", size=7), width=1)), "outer")
    assert (built.width, built.inner.width, built.inner.inner.size) == (3, 1, 7)


def test_a_dictionary_without_target_is_a_value():
    columns = {"user": "user_id", "item": "movie_title"}
    assert build(node("Outer", columns=columns), "outer").columns == columns


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_node_is_nothing(nothing):
    assert build(nothing, "encoder") is None


def test_parts_reach_whoever_asks_for_them_by_name():
    """`seed` is asked for by both, `inner` only by the outer one, `unknown` by nobody."""
    part = object()
    built = build(node("Outer"), "outer", inner=part, seed=5, unknown=1)
    assert built.inner is part and built.seed == 5
    nested = build(node("Outer", inner=node("Inner", size=1)), "outer", inner=part, seed=5)
    assert nested.inner.seed == nested.seed == 5


def test_what_a_node_says_goes_before_a_part():
    assert build(node("Outer", seed=1, inner=None), "outer", seed=5, inner="part").seed == 1
    assert build(node("Outer", inner=None), "outer", inner="part").inner is None


def test_a_node_is_not_changed():
    given = node("Outer", inner=node("Inner", size=7))
    build(given, "outer", seed=5)
    assert given == node("Outer", inner=node("Inner", size=7))


@pytest.mark.parametrize(
    "given, message",
    [
        (node("Outer", widht=3), "outer has no key 'widht': did you mean 'width'?"),
        (node("Outer", zzz=3), "outer has no key 'zzz': it has columns, inner, seed, width."),
        (node("Outer", inner=node("Inner", sise=3)), "outer.inner has no key 'sise': did you mean 'size'?"),
        (node("Outer", inner=node("Inner")), "outer.inner lacks the key 'size': set it."),
        (node("total"), "outer lacks the key 'first': set it."),
        ({"width": 3, "seed": 1}, "outer has no _target_ (it has width, seed): choose an option for it."),
        (node("Outter"), f"outer._target_ is '{HERE}.Outter', which cannot be imported and called"),
        (node("CONSTANT"), f"outer._target_ is '{HERE}.CONSTANT', which cannot be imported and called"),
        ({"_target_": HERE}, f"outer._target_ is '{HERE}', which cannot be imported and called"),
        ({"_target_": "nowhere.to.be.found"}, "'nowhere.to.be.found', which cannot be imported and called"),
        ({"_target_": None}, "outer._target_ is 'None', which cannot be imported and called"),
    ],
)
def test_a_mistake_is_a_sentence_that_names_the_place(given, message):
    with pytest.raises(InputError) as error:
        build(given, "outer")
    assert message in str(error.value)


def test_a_target_that_takes_any_key_is_left_to_judge():
    assert build(node("Open", rate=0.5), "open").rate == 0.5
    with pytest.raises(InputError, match=r"open was not accepted by .*Open: \['rat'\] not recognized"):
        build(node("Open", rat=0.5), "open")


def test_a_misspelt_key_of_a_keras_optimizer_is_a_sentence_too():
    adagrad = {"_target_": "tf_keras.optimizers.Adagrad", "learning_rate": 0.5}
    assert isinstance(build(adagrad, "optimizer", seed=1), tf_keras.optimizers.Adagrad)
    with pytest.raises(InputError, match="optimizer was not accepted by tf_keras.optimizers.Adagrad: learning_rat is"):
        build({"_target_": "tf_keras.optimizers.Adagrad", "learning_rat": 0.5}, "optimizer")


def test_a_type_error_inside_of_a_known_signature_stays_one():
    """Such an error is not about keys: a traceback shows where it is."""
    with pytest.raises(TypeError, match="unsupported operand"):
        build(node("total", first=None), "sum")


def test_check_keys_says_whether_the_signature_tells():
    assert check_keys(total, {"first": 1}, "sum") is True
    assert check_keys(Open, {"anything": 1}, "open") is False


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("dim", "abc", "model.dim is 'abc': write a whole number"),
        ("dim", 1.5, "model.dim is 1.5: write a whole number"),
        ("dim", True, "model.dim is True: write a whole number"),
        ("dim", None, "model.dim is None: write a whole number"),
        ("dropout", "low", "model.dropout is 'low': write a number"),
        ("new_items", 3, "model.new_items is 3: write a text"),
    ],
)
def test_a_value_of_the_wrong_type_is_a_sentence(key, value, words):
    node = {"_target_": "tfrec.models.two_tower.TwoTower", "new_items": "mean", key: value}
    with pytest.raises(InputError, match=re.escape(words)):
        build(node, "model", seed=0)


def test_whole_numbers_are_numbers():
    node = {"_target_": "tfrec.models.two_tower.TwoTower", "new_items": "mean", "dropout": 0}
    assert build(node, "model", seed=0).dropout.rate == 0


def test_a_list_of_texts_is_no_text():
    node = {"_target_": "tfrec.data.features.TowerFeatures", "context": ["hour"]}
    assert build(node, "model.features").context == ["hour"]
