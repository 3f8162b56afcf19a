"""Configuration nodes become objects; a misspelt or missing key becomes a sentence."""

import difflib
import inspect
from collections.abc import Callable
from types import UnionType
from typing import Union, get_args, get_origin

from hydra.utils import get_object

from tfrec.errors import InputError, require
from tfrec.folders import misplaced

WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "null"}


def build(node: dict | None, path: str, **parts):
    """Builds the object that a node's `_target_` names, its nested nodes first.

    An argument that the node leaves out is taken from `parts` if one has its name: so a part that is built once
    (the encoder, the stream, the seed) reaches whoever asks for it.

    Args:
        node: `{_target_: ..., argument: value, ...}`; None and nodes without choices give None.
        path: the node's place in the configuration, for errors.

    Raises:
        InputError: no `_target_`, a target that cannot be imported and called, or keys that it does not take or lacks.
    """
    if not node:
        return None
    if "_target_" not in node:
        raise InputError(f"{path} has no _target_ (it has {', '.join(node)}): choose an option for it.")
    target = _locate(node["_target_"], path)
    wanted = inspect.signature(target).parameters
    given = {key: _value(value, f"{path}.{key}", parts) for key, value in node.items() if key != "_target_"}
    for key, value in given.items():
        _check_type(value, wanted[key].annotation if key in wanted else None, f"{path}.{key}")
    given |= {key: part for key, part in parts.items() if key in wanted and key not in given}
    if check_keys(target, given, path):
        return target(**given)
    try:
        return target(**given)
    except TypeError as error:  # it looks at its keys itself, as Keras's optimizers do
        raise InputError(f"{path} was not accepted by {node['_target_']}: {error}.") from error


def _value(value, path: str, parts: dict):
    if not isinstance(value, dict):
        return value
    if "_target_" in value:
        return build(value, path, **parts)
    return {key: _value(inner, f"{path}.{key}", parts) for key, inner in value.items()}


def _check_type(value, annotation, path: str) -> None:
    """Raises InputError if a plain value is not of an argument's plain type: text for a number, null for a size."""
    allowed = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if not set(allowed) <= set(WORDS) or type(value) not in (*WORDS, list, dict):  # a date, a part built before
        return
    fits = type(value) in allowed or (float in allowed and type(value) is int)
    words = " or ".join(WORDS[kind] for kind in allowed)
    require(fits, f"{path} is {value!r}: write {words}.")


def check_keys(target: Callable, given: dict, path: str) -> bool:
    """Raises InputError unless the keys of `given` are arguments of `target` and none that it needs is missing.

    Returns:
        whether the signature tells: False for a target that takes any key (`**kwargs`).
    """
    taken = inspect.signature(target).parameters
    if any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        return False
    for key in given:
        if key not in taken:
            if sentence := misplaced(f"{path}/{key}".replace(".", "/")):
                raise InputError(sentence)
            close = difflib.get_close_matches(key, taken, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"it has {', '.join(sorted(taken))}."
            raise InputError(f"{path} has no key '{key}': {hint}")
    missing = [key for key, p in taken.items() if p.default is p.empty and key not in given]
    if missing:
        raise InputError(f"{path} lacks the key '{missing[0]}': set it.")
    return True


def _locate(target: str, path: str) -> Callable:
    try:
        found = get_object(target)
        inspect.signature(found)  # a module or a constant has none
    except Exception as error:
        raise InputError(f"{path}._target_ is '{target}', which cannot be imported and called: {error}") from error
    return found
