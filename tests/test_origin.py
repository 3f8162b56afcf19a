"""What produced a run."""

import importlib.metadata
import platform
import shlex
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tfrec import failures, origin

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.mark.parametrize("by_user", [True, False])
def test_the_command_can_be_pasted_into_a_shell(monkeypatch, by_user):
    """What the user typed; in a launcher's process, whose arguments are the launcher's, what repeats this run."""
    overrides = ["+experiment=quickstart", "strategy=[replay, ewc]", "name=it's", "a=$HOME"]
    typed = ["-m", *overrides, "seed=0,1"] if by_user else ["--of-the-launcher"]
    monkeypatch.setattr(sys, "argv", ["run.py", *typed])
    monkeypatch.setattr(failures, "_told", {} if by_user else None)
    expected = typed if by_user else overrides
    assert shlex.split(origin.command(overrides)) == ["python", "-m", "tfrec.run", *expected]


def test_versions_name_python_and_each_package_on_its_own_line(monkeypatch):
    monkeypatch.setattr(origin, "PACKAGES", ("numpy", "no-such-package-here"))
    lines = origin.versions().splitlines()
    assert lines[0].startswith(f"python {platform.python_version()} on ")
    assert lines[1:] == [f"numpy {importlib.metadata.version('numpy')}", "no-such-package-here not installed"]


def git(folder, *arguments):
    author = ["-c", "user.name=n", "-c", "user.email=e@example.com"]
    asked = ["git", *author, *arguments]
    return subprocess.run(asked, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def installed_in(folder):
    """tfrec.origin as it were if it lay in another folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = shutil.copy(Path(origin.__file__), folder / "origin.py")
    spec = spec_from_file_location("origin_elsewhere", file)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("venv/\n__pycache__/\n")
    return tmp_path


@needs_git
def test_the_commit_is_marked_once_a_file_differs(repository):
    code = installed_in(repository / "tfrec")
    (repository / "experiments").mkdir()
    (repository / "experiments/results.csv").write_text("a row\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "first")
    git(repository, "tag", "v1", "-a", "-m", "a tag is not a commit")
    head = git(repository, "rev-parse", "HEAD")
    assert code.commit() == head and len(head) == 40
    (repository / "experiments/results.csv").write_text("a row\nanother row\n")
    assert code.commit() == head  # the table of a study that goes on
    (repository / ".gitignore").write_text("venv/\n__pycache__/\n# changed\n")
    assert code.commit() == f"{head}-dirty"


@needs_git
def test_outside_of_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert installed_in(tmp_path / "site-packages" / "tfrec").commit() is None


@needs_git
def test_an_installed_package_does_not_take_the_commit_of_the_project_around_it(repository):
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "somebody's project")
    assert installed_in(repository / "venv" / "site-packages" / "tfrec").commit() is None


def test_without_git_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert origin.commit() is None
