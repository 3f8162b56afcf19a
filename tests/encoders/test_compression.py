"""Smaller forms of an encoder, and the report on each."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tfrec.compress import compress
from tfrec.encoders.compression import neighbours_kept, report
from tfrec.encoders.distillation import distil, student_of
from tfrec.encoders.presets import pretrained, scratch
from tfrec.encoders.pruning import prune
from tfrec.encoders.saving import save
from tfrec.errors import InputError
from tfrec.folders import conf_folder
from tfrec.peft.adalora import Adalora
from tfrec.peft.adapter import Adapter
from tfrec.peft.full import Full
from tfrec.peft.keras_lora import KerasLora
from tfrec.peft.lora import Lora
from tfrec.peft.peft import blocks

TEXTS = [f"{colour} {fruit} juice" for colour in ("red", "green", "blue", "dark") for fruit in ("apple", "plum", "fig")]


def test_pruning_takes_the_smallest_of_each_matrix():
    """Of 8 weights half, those nearest to 0; biases and normalisations stay."""
    encoder = scratch(layers=1)
    kernel = encoder.backbone.get_layer("transformer_layer_0")._feedforward_output_dense.kernel
    values = np.zeros(kernel.shape, np.float32) + 5.0
    values[0, :8] = [3, -1, 0.5, -4, 2, -0.25, 6, -7]
    kernel.assign(values)
    before = {name: value.numpy() for name, value in encoder.named_values().items()}
    prune(encoder.backbone, 4 / values.size)
    assert kernel.numpy()[0, :8].tolist() == [3, 0, 0, -4, 0, 0, 6, -7]
    np.testing.assert_array_equal(kernel.numpy().flat[8:], values.flat[8:])
    prune(encoder.backbone, 0.5)
    for name, value in encoder.named_values().items():
        zeros = np.mean(value.numpy() == 0)
        if name.partition("#")[0].endswith(("kernel", "embeddings")):
            assert zeros == pytest.approx(0.5, abs=1 / before[name].size)
        else:
            np.testing.assert_array_equal(value, before[name])


def test_a_student_starts_from_evenly_chosen_layers_the_last_among_them():
    """Of six layers, two are the third and the sixth; four are the second, third, fifth and sixth."""
    teacher = scratch(layers=6, pooling="max", max_length=16)
    for layers, chosen in ((2, (2, 5)), (4, (1, 2, 4, 5))):
        student = student_of(teacher, layers)
        assert (student.pooling.kind, student.max_length) == ("max", 16)
        for block, place in zip(blocks(student.backbone), chosen, strict=True):
            for mine, of in zip(block.get_weights(), blocks(teacher.backbone)[place].get_weights(), strict=True):
                np.testing.assert_array_equal(mine, of)
        for name in ("token_embedding", "position_embedding"):
            mine, of = (encoder.backbone.get_layer(name).get_weights() for encoder in (student, teacher))
            np.testing.assert_array_equal(mine[0], of[0])


def test_distillation_brings_a_student_to_its_teacher_and_it_is_saved(tmp_path):
    teacher = scratch(layers=2, dropout=0.0, max_length=24)
    vectors = teacher(TEXTS).numpy() @ np.linalg.qr(np.random.default_rng(0).normal(size=(32, 32)))[0]
    student = student_of(teacher, 1)

    def away():
        return float(np.mean(1 - np.sum(student(TEXTS).numpy() * vectors, axis=1)))

    before = away()
    losses = distil(student, TEXTS, vectors, epochs=12, batch_size=4, learning_rate=3e-3)
    assert len(losses) == 12 and losses[0] == pytest.approx(before, rel=0.5)
    assert away() < before / 4
    save(student, tmp_path)
    read = pretrained(str(tmp_path), max_length=24)
    np.testing.assert_allclose(read(TEXTS), student(TEXTS), atol=1e-5)


@pytest.mark.parametrize("peft", [Lora(rank=2), Adalora(rank=2, target=1), KerasLora(rank=2), Full()])
def test_what_was_learned_is_in_the_weights_that_are_saved(peft, tmp_path):
    encoder = scratch(peft=peft)
    start, random = encoder(TEXTS).numpy(), np.random.default_rng(0)
    for weight in encoder.trainable_weights:
        weight.assign_add(random.normal(0, 0.2, weight.shape))
    save(encoder, tmp_path)
    learned = encoder(TEXTS).numpy()  # saving leaves the encoder as it is
    assert np.abs(learned - start).max() > 0.01
    np.testing.assert_allclose(pretrained(str(tmp_path))(TEXTS), learned, atol=1e-4)


def test_a_report_counts_neighbours_and_bytes():
    """Rows on an arc, each nearer to the one before it than to the one after; then the last two change places: of the
    six, the last two get another nearest row (from 3 and 4 to 5 and 3)."""
    angles = np.array([0, 1, 2.1, 3.3, 4.6, 6.0]) / 8
    arc = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert neighbours_kept(arc, arc, 6, 2) == 1
    assert neighbours_kept(arc, arc[[0, 1, 2, 3, 5, 4]], 6, 1) == pytest.approx(4 / 6)
    encoder = scratch(layers=1, max_length=24)
    found = report(encoder, 2 * encoder(TEXTS).numpy(), TEXTS, len(TEXTS), 3)
    assert found["cosine"] == pytest.approx(1, abs=1e-5) and found["recall"] == 1
    assert found["bytes"] == sum(value.numpy().nbytes for value in encoder.named_values().values())
    assert found["texts_per_second"] > 0 and found["zipped"] < found["bytes"]
    other = report(encoder, np.eye(len(TEXTS), 3) + 0.1, TEXTS, 4, 3)  # of another dimension
    assert np.isnan(other["cosine"]) and 0 <= other["recall"] <= 1


def test_what_is_compressed_already_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="compressed already: leave encoder.quantize out"):
        compress({"encoder": {"quantize": "int8", "prune": None}}, tmp_path)


def table_of(folder, *words):
    words = ["encoder=bert_tiny", "texts=200", "queries=20", "distillation.epochs=1", *words]
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = OmegaConf.to_container(compose("compress", overrides=words), resolve=True)
    return compress(config, folder)


def test_the_command_reports_the_forms_that_are_asked_for(tmp_path):
    table = table_of(tmp_path, "students=[]", "quantize=[]", "prune=[0.8]")
    assert table.index.tolist() == ["as it is", "pruned 0.8"]
    assert table.loc["as it is", ["cosine", "recall"]].tolist() == pytest.approx([1, 1], abs=1e-5)
    assert table.loc["pruned 0.8", "zipped"] < 0.5 * table.loc["as it is", "zipped"]


@pytest.mark.slow
def test_the_command_reports_every_form(tmp_path):
    table = table_of(tmp_path, "students=[1]")
    assert table.index.tolist() == ["as it is", "int8", "int4", "pruned 0.5", "pruned 0.8", "student of 1 layers"]
    assert table.loc["as it is", ["cosine", "recall"]].tolist() == pytest.approx([1, 1], abs=1e-5)
    assert table.loc["int8", "bytes"] < 0.6 * table.loc["as it is", "bytes"]
    assert table.loc["pruned 0.8", "zipped"] < 0.5 * table.loc["as it is", "zipped"]
    assert table.loc["int8", "cosine"] > table.loc["int4", "cosine"]
    assert pretrained(str(tmp_path / "student-1")).dim == 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: scratch(prune=1.0), "encoder.prune is 1.0: choose from 0 to below 1"),
        (
            lambda: student_of(scratch(layers=2), 2),
            "student of 2 layers was asked for, and the encoder has 2: .*1 to 1",
        ),
        (lambda: student_of(scratch("albert"), 1), "AlbertBackbone has no layers of its own"),
        (lambda: distil(student_of(scratch(), 1), TEXTS[:3], np.zeros((3, 32))), "There are 3 texts .* batch has 64"),
        (
            lambda: distil(scratch(dtype="mixed_float16", peft=Full()), TEXTS, np.zeros((3, 32))),
            "A student in float16 would need its loss scaled",
        ),
        (
            lambda: save(scratch(peft=Adapter()), "nowhere"),
            "peft=adapter puts .* what its weights cannot hold",
        ),
        (lambda: save(scratch(peft=Lora(), quantize="int8"), "nowhere"), "encoder.quantize leaves no kernel to merge"),
        (lambda: student_of(scratch(projection=8), 1), "leave encoder.projection out"),
    ],
)
def test_errors_say_what_to_do(make, message):
    with pytest.raises(InputError, match=message):
        make()
