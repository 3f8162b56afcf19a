"""A smaller encoder that gives the vectors of a larger one."""

import logging
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfrec.encoders.text import TextEncoder
from tfrec.errors import require
from tfrec.peft.full import Full
from tfrec.peft.peft import blocks

log = logging.getLogger(__name__)


def student_of(teacher: TextEncoder, layers: int) -> TextEncoder:
    """An encoder of fewer layers that starts from the teacher's: of n layers, the k have numbers `ceil(n i / k)`,
    i = 1 ... k, so that the last is among them (as DistilBERT, Sanh et al., 2019).

    Args:
        teacher: one whose layers all have weights of their own, as it was read.

    Raises:
        InputError: the teacher has not more layers, or shares them; it has a projection.
    """
    known = blocks(teacher.plain)
    kind, config = teacher.made_of
    require(
        config.get("num_layers") == len(known),
        f"{kind.__name__} has no layers of its own for a student to start from: choose another encoder.",
    )
    require(
        teacher.pooling.projection is None,
        "A student gives vectors of the encoder's own dimension: leave encoder.projection out.",
    )
    require(
        1 <= layers < len(known),
        f"A student of {layers} layers was asked for, and the encoder has {len(known)}: choose 1 to {len(known) - 1}.",
    )
    backbone = kind.from_config(config | {"num_layers": layers})
    chosen = [known[-(-len(known) * (i + 1) // layers) - 1] for i in range(layers)]
    pairs = dict(zip(map(id, blocks(backbone)), chosen, strict=True))
    for layer in backbone.layers:
        layer.set_weights(pairs.get(id(layer), teacher.plain.get_layer(layer.name)).get_weights())
    options = {"max_length": teacher.max_length, "pooling": teacher.pooling.kind, "normalize": teacher.normalize}
    return TextEncoder(backbone, teacher.tokenizer, peft=Full(), **options)


def distil(
    student: TextEncoder,
    texts: Sequence[str],
    vectors: np.ndarray,
    epochs: int = 3,
    batch_size: int = 64,
    learning_rate: float = 1e-4,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[float]:
    """Minimises the mean of `1 - cos(student(text), teacher(text))`, by Adam with a rate that falls linearly to 0.

    Args:
        vectors: of the teacher, `[texts, dim]`. seed: of the order of the texts.
        progress: called as `progress(steps_done, steps)` after each.

    Returns:
        the mean loss of each epoch.

    Raises:
        InputError: there are fewer texts than a batch has, or the student computes in float16.
    """
    require(
        student.compute_dtype != "float16",
        "A student in float16 would need its loss scaled, which distillation does not do: choose bfloat16 or float32.",
    )
    require(len(texts) >= batch_size, f"There are {len(texts)} texts to distil with, and a batch has {batch_size}.")
    tokens, rng = student.tokenize(texts), np.random.default_rng(seed)
    target = tf.math.l2_normalize(tf.constant(vectors, tf.float32), axis=1)
    steps = len(texts) // batch_size
    rate = tf.keras.optimizers.schedules.PolynomialDecay(learning_rate, epochs * steps, 0.0)
    optimizer, weights = tf.keras.optimizers.Adam(rate), student.trainable_weights

    @tf.function
    def step(tokens, wanted):
        with tf.GradientTape() as tape:
            found = tf.math.l2_normalize(tf.cast(student(tokens, training=True), tf.float32), axis=1)
            loss = tf.reduce_mean(1 - tf.reduce_sum(found * wanted, axis=1))
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    means = []
    for epoch in range(epochs):
        order, losses = rng.permutation(len(texts))[: steps * batch_size].reshape(steps, batch_size), []
        for number, rows in enumerate(order):
            losses.append(float(step(tf.constant(tokens[rows]), tf.gather(target, rows))))
            if progress:
                progress(epoch * steps + number + 1, epochs * steps)
        means.append(float(np.mean(losses)))
        log.info("epoch %d of %d: 1 - cosine %.4f", epoch + 1, epochs, means[-1])
    return means
