"""What produced a run: command, commit, versions."""

import importlib.metadata
import platform
import shlex
import subprocess
import sys
from pathlib import Path

from tfrec.failures import started_here

PACKAGES = (
    "tfrec", "tensorflow", "tf-keras", "tensorflow-recommenders", "keras", "keras-nlp", "hydra-core", "numpy",
    "pandas", "scipy",
)  # fmt: skip


def command(overrides: list[str]) -> str:
    """The command line, ready to be pasted into a shell.

    Args:
        overrides: what this run changed; a launcher's process knows only them, not what the user typed.
    """
    return shlex.join(["python", "-m", "tfrec.run", *(sys.argv[1:] if started_here() else overrides)])


def commit() -> str | None:
    """The git commit of the code, with `-dirty` if files differ from it; None outside a checkout.

    Files of `experiments/` may differ: a study writes its table there, and no run reads it.
    """
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)  # a checkout of this code, not one around it
        changed = _git("diff", "--name-only", "HEAD", "--", ":/", ":(top,exclude)experiments")
        return _git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    folder = Path(__file__).resolve().parent
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def versions() -> str:
    """Python, platform and the packages that results depend on, one a line."""
    lines = [f"python {platform.python_version()} on {platform.platform()}"]
    for package in PACKAGES:
        try:
            lines.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package} not installed")
    return "\n".join(lines)
