"""Gradient checkpointing of transformer layers: memory for time."""

import keras
import tensorflow as tf


def checkpoint(block: keras.layers.Layer) -> None:
    """Makes a layer keep its inputs alone for the gradient, and work out the rest again where it is needed.

    In memory, a step of n layers then holds n inputs and one layer's insides, and takes one more forward pass of them
    (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016). Dropout draws the second time what it drew the
    first time.
    """
    call = block.call
    seeds = [variable for variable in block.variables if "seed_generator" in variable.path]

    def checkpointed(*args, **kwargs):
        if not kwargs.get("training"):
            return call(*args, **kwargs)
        leaves = tf.nest.flatten((args, kwargs))
        # What has a gradient must be an argument: of what a function closes over, TensorFlow gives none.
        places = [n for n, leaf in enumerate(leaves) if tf.is_tensor(leaf) and leaf.dtype.is_floating]
        states = [tf.identity(seed.value) for seed in seeds]

        @tf.recompute_grad
        def run(*given):
            for seed, state in zip(seeds, states, strict=True):
                seed.assign(state)
            filled = list(leaves)
            for place, leaf in zip(places, given, strict=True):
                filled[place] = leaf
            inputs, options = tf.nest.pack_sequence_as((args, kwargs), filled)
            return call(*inputs, **options)

        return run(*(leaves[place] for place in places))

    block.call = checkpointed
