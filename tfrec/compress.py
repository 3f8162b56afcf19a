"""`python -m tfrec.compress encoder=...`: quantised, pruned and distilled forms of an encoder, and what each loses.

Writes `compression.csv` and, of each student, a folder `student-<layers>` that `encoder=preset encoder.preset=<folder>`
reads, into the run's folder.
"""

import logging
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from tfrec.errors import InputError, require
from tfrec.folders import conf_folder

log = logging.getLogger(__name__)


def compress(config: dict, folder: Path):
    """The reports of all forms, a `pandas.DataFrame` with a row each, the encoder itself first.

    Raises:
        InputError: the data have no texts, or too few; the encoder is none, or is compressed already; a form cannot be
            made of it.
    """
    import numpy as np
    import pandas as pd

    from tfrec.build import build
    from tfrec.encoders.cache import encode_texts
    from tfrec.encoders.compression import report
    from tfrec.encoders.distillation import distil, student_of
    from tfrec.encoders.saving import save

    def encoder_with(**options):
        return build(config["encoder"] | options, "encoder", seed=config["seed"])

    require(config["encoder"], "encoder=none cannot be compressed: choose another.")
    compressed = [key for key in ("quantize", "prune") if config["encoder"].get(key) is not None]
    require(not compressed, f"The encoder is compressed already: leave encoder.{' and encoder.'.join(compressed)} out.")
    encoder = encoder_with()
    items = build(config["data"], "data").items
    require("text" in items, "The items have no texts to compare encoders by: choose other data.")
    texts = sorted(set(items["text"]))
    rng, wanted = np.random.default_rng(config["seed"]), config["texts"] or len(texts)
    texts = [texts[n] for n in np.sort(rng.permutation(len(texts))[:wanted])]
    require(
        len(texts) > config["nearest"], f"There are {len(texts)} texts, and nearest={config['nearest']}: give more."
    )
    vectors = encode_texts(encoder, texts, None)
    rows = {}

    def add(name: str, made) -> None:
        rows[name] = report(made, vectors, texts, config["queries"], config["nearest"])
        log.info("%s: %s", name, ", ".join(f"{key} {value:.4g}" for key, value in rows[name].items()))

    add("as it is", encoder)
    for mode in config["quantize"]:
        add(mode, encoder_with(quantize=mode))
    for share in config["prune"]:
        add(f"pruned {share}", encoder_with(prune=share))
    for layers in config["students"]:
        student = student_of(encoder, layers)
        distil(student, texts, vectors, seed=config["seed"], **config["distillation"])
        save(student, folder / f"student-{layers}")
        add(f"student of {layers} layers", student)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("form")


def run(cfg: DictConfig) -> None:
    """Compresses in the folder that Hydra chose, and prints the table."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        table = compress(OmegaConf.to_container(cfg, resolve=True), folder)
    except InputError as error:
        sys.exit(f"error: {error}")
    table.to_csv(folder / "compression.csv")
    print(table.to_string(float_format="{:.4g}".format))


if __name__ == "__main__":
    hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="compress")(run)()
