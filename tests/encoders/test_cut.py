"""The place for prompts, perturbations and adapters: between token embeddings and transformer layers."""

import keras
import numpy as np

from tfrec.encoders.presets import scratch


def test_the_backbone_cut_at_embeddings_dropout_is_the_backbone():
    encoder = scratch(layers=3, max_length=16)
    backbone = encoder.backbone
    tokens = encoder.tokenize(["red apple", "a much longer text of many letters"])
    inputs = {
        "token_ids": tokens,
        "padding_mask": (tokens != encoder.pad_id).astype(np.int32),
        "segment_ids": np.zeros_like(tokens),
    }
    embed = keras.Model(backbone.input, backbone.get_layer("embeddings_dropout").output)
    hidden = embed(inputs)
    for layer in backbone.transformer_layers:
        hidden = layer(hidden, padding_mask=inputs["padding_mask"])
    np.testing.assert_array_equal(hidden, backbone(inputs)["sequence_output"])
