"""Small random backbones of every family, and inputs for them."""

import keras_nlp
import numpy as np
import tensorflow as tf

from tfrec.encoders.outputs import sequence

DIM, INNER, LAYERS, WORDS = 16, 32, 2, 50
SIZES = {
    "vocabulary_size": WORDS,
    "num_layers": LAYERS,
    "num_heads": 2,
    "hidden_dim": DIM,
    "intermediate_dim": INNER,
    "max_sequence_length": 32,
}
KINDS = {
    "bert": ("BertBackbone", {}),
    "distil_bert": ("DistilBertBackbone", {}),
    "roberta": ("RobertaBackbone", {}),
    "albert": ("AlbertBackbone", {"embedding_dim": 8}),
    "deberta": ("DebertaV3Backbone", {"bucket_size": 16}),
    "electra": ("ElectraBackbone", {"embedding_dim": DIM, "vocab_size": WORDS}),
    "xlm_roberta": ("XLMRobertaBackbone", {}),
    "gpt2": ("GPT2Backbone", {}),
}


def backbone_of(family="bert"):
    kind, options = KINDS[family]
    options = SIZES | options
    if "vocab_size" in options:  # ELECTRA's name for it
        del options["vocabulary_size"]
    return getattr(keras_nlp.models, kind)(**options)


def inputs_of(backbone, rows=3, length=8):
    """Random tokens, the last row's second half padding."""
    tokens = np.random.default_rng(0).integers(1, WORDS, (rows, length)).astype(np.int32)
    mask = np.ones_like(tokens)
    mask[-1, length // 2 :] = 0
    found = {"token_ids": tokens, "padding_mask": mask, "segment_ids": np.zeros_like(tokens)}
    return {key: tf.constant(found[key]) for key in backbone.input}


def rows_of(model, inputs, training=False):
    """`[batch, length, dim]`."""
    return sequence(model(inputs, training=training))


def gradients(model, inputs):
    """Of all weights that learn, and these, as arrays by path."""
    variables = model.trainable_variables
    weight = np.random.default_rng(1).normal(size=(*inputs["token_ids"].shape, DIM))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(rows_of(model, inputs) * weight)
    return dict(zip((v.path for v in variables), tape.gradient(loss, [v.value for v in variables]), strict=True))
