"""Which weights of a text encoder learn, and what is put beside them."""

from collections.abc import Callable, Collection, Iterable

import keras

from tfrec.encoders.outputs import sequence
from tfrec.errors import InputError, require


class Peft:
    """A way to adapt an encoder. It changes a backbone of keras-nlp once, before the first call.

    What a method adds leaves the vectors as they are until something is learned.
    """

    strategies: tuple = ()  # that go with it, beside those of the run

    def adapt(self, backbone):
        """Changes the backbone in place; returns the model to call instead of it, for most the backbone itself.

        Raises:
            InputError: the backbone lacks the layers that the method names.
        """
        raise NotImplementedError

    def merge(self, backbone) -> None:
        """Adds what was learned to the weights that were there before.

        Raises:
            InputError: it is not a change of weights, or these are quantised.
        """
        raise InputError(
            f"peft={self.name} puts into the encoder what its weights cannot hold: choose peft=lora, adalora or ia3, "
            "or one that adds nothing."
        )

    def merged(self, backbone) -> list[keras.Variable]:
        """Weights that do not learn, and into which updates put what was learned."""
        return []

    def statistics(self, backbone) -> list[keras.Variable]:
        """What steps change beside weights."""
        return []

    @property
    def name(self) -> str:
        """As it is called in conf/peft."""
        return type(self).__module__.rpartition(".")[2]


class Added(keras.layers.Layer):
    """A layer that a method puts in: around `inner`, if that is given, and in its numbers.

    Args:
        facts: what beside its weights decides what it gives.
    """

    def __init__(self, name: str, inner=None, **facts) -> None:
        super().__init__(name=name, dtype=None if inner is None else plain_policy(inner))
        self.inner, self.facts = inner, facts
        self.built = True

    def add_to_kernel(self, change) -> None:
        """Adds a change, of as many numbers, to the kernel of `inner`.

        Raises:
            InputError: it is quantised.
        """
        refuse_quantised([self.inner], "no kernel to merge a change into")
        self.inner.kernel.assign_add(keras.ops.reshape(change, self.inner.kernel.shape))

    def get_config(self) -> dict:
        """What tells it from others; it is not made from this, but by its method."""
        return {"name": self.name, **self.facts}


BESIDE = ", or a peft that puts something beside the weights, such as lora"


def refuse_quantised(layers: Iterable[keras.layers.Layer], what: str, instead: str = "") -> None:
    """Raises InputError if one of the layers is quantised, which leaves them `what`; `instead` could also be chosen."""
    require(
        not any(getattr(layer, "quantization_mode", None) for layer in layers),
        f"encoder.quantize leaves {what}: choose encoder.quantize=null{instead}.",
    )


def blocks(backbone) -> list[keras.layers.Layer]:
    """The transformer layers, from the first to the last; those that share weights (ALBERT) stand once.

    Raises:
        InputError: it has none.
    """
    found = getattr(backbone, "transformer_layers", ())
    found = [layer for each in found for layer in (each if isinstance(each, (list, tuple)) else [each])]
    require(found, f"{type(backbone).__name__} has no transformer layers to adapt: choose peft=frozen or peft=full.")
    return found


def wrap(backbone, names: Collection[str], make: Callable, of: str) -> list[keras.layers.Layer]:
    """Puts a layer in the place of each sub-layer of these names, in every transformer layer; returns the new ones.

    Args:
        names: of sub-layers, such as `query`. make: from a sub-layer and a name to what calls it.
        of: the key that names them, for the error.

    Raises:
        InputError: a transformer layer has no sub-layer of a name.
    """
    made = []
    for block in blocks(backbone):
        places = {child.name: (parent, key, child) for parent, key, child in _children(block)}
        for name in names:
            if name not in places:
                raise InputError(
                    f"{of} names '{name}', which a transformer layer of {type(backbone).__name__} does not have: "
                    f"choose of {', '.join(sorted(places))}."
                )
            parent, key, child = places[name]
            layer = make(child, f"{block.name}_{name}")
            parent._tracker.unlock()  # as Keras does for what it adds to a built layer itself
            setattr(parent, key, layer)
            parent._tracker.lock()
            made.append(layer)
    return made


def _children(layer) -> list[tuple]:
    """Layers with a kernel inside of a layer, and its attention: the parent, its attribute and the child."""
    found = []
    for key, child in vars(layer).items():
        if isinstance(child, keras.layers.Layer):
            found += _children(child)
            if hasattr(child, "kernel") or "attention" in type(child).__name__.lower():
                found.append((layer, key, child))
    return found


def train_only(model: keras.Model, chosen: Iterable[keras.Variable]) -> None:
    """Of all weights of a model, these learn."""
    chosen = {id(variable) for variable in chosen}
    model.trainable = bool(chosen)
    for variable in model.trainable_variables:
        variable.trainable = id(variable) in chosen


def of_vectors(backbone) -> list[keras.Variable]:
    """The weights that a text's vector depends on: none of what feeds other outputs alone, as BERT's pooler does."""
    return keras.Model(backbone.input, sequence(backbone.output)).trainable_variables


def in_and_out(layer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What a dense layer's kernel is of: the shape of what it takes and of what it gives, an attention's with heads."""
    kernel, given = getattr(layer, "equation", "a,ab->b").partition(",")[2].split("->")
    shape = tuple(int(size) for size in layer.kernel.shape)
    inputs = sum(letter not in given for letter in kernel)  # which stand first in Keras's attention
    return shape[:inputs], shape[inputs:]


def plain_policy(layer) -> keras.DTypePolicy:
    """A layer's policy of number formats, without its quantisation."""
    low = layer.compute_dtype
    return keras.DTypePolicy(low if low == layer.variable_dtype else f"mixed_{low}")
