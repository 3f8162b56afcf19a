"""Where configuration is read from and where runs are written to."""

import hashlib
import os
from pathlib import Path

import yaml

LONGEST = 255  # bytes in the name of a folder


def conf_folder() -> Path:
    """The folder of options: inside the installed package, or beside `tfrec/` in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "conf"
    return installed if installed.is_dir() else here.parent / "conf"


def misplaced(group: str) -> str | None:
    """What to do about a group such as `model/tower` that the chosen `model` does not have; None if none has it."""
    parent, _, name = group.rpartition("/")
    options = sorted((conf_folder() / parent).glob("*.yaml")) if parent else []
    defaults = {path.stem: yaml.safe_load(path.read_text()).get("defaults", []) for path in options}
    found = [stem for stem, parts in defaults.items() if any(isinstance(part, dict) and name in part for part in parts)]
    if not found:
        return None
    owners = " or ".join(f"{parent}={stem}" for stem in found)
    return f"{group} goes with {owners}, and another {parent} is chosen: choose {owners}, or leave {group} out."


def run_folder(parent: str, fresh: str, resume: str, overrides: str) -> str:
    """The folder of a single run: `parent/fresh`, or with resume=auto the newest unfinished one like it.

    The processes of a cluster (`TF_CONFIG`) must find the same one, so theirs has the name of what was chosen.

    Args:
        parent: folder of the experiment's runs.
        fresh: name of a new folder.
        resume: `auto` or `never`.
        overrides: what was chosen on the command line, as Hydra prints a list.
    """
    wanted = _without_resume(overrides)
    if os.environ.get("TF_CONFIG") and any("multi_worker" in choice for choice in wanted):
        return str(Path(parent, flat_name(",".join(choice.lstrip("+") for choice in wanted))))
    if resume == "auto":
        for saved in sorted(Path(parent).glob("*/.hydra/overrides.yaml"), reverse=True):
            folder = saved.parent.parent
            if _without_resume(saved.read_text()) == wanted and status(folder) in ("running", "failed"):
                return str(folder)
    return str(Path(parent, fresh))


def flat_name(overrides: str) -> str:
    """Overrides as the name of one folder: a slash in a value would make several, and a name has at most 255 bytes."""
    name = overrides.replace("/", "_")
    if len(name.encode()) <= LONGEST:
        return name
    digest = "~" + hashlib.sha256(name.encode()).hexdigest()[:12]
    return name.encode()[: LONGEST - len(digest)].decode(errors="ignore") + digest


def status(folder: Path) -> str | None:
    """`running`, `finished` or `failed` as `results.json` says; None without one."""
    results = folder / "results.json"
    return yaml.safe_load(results.read_text())["status"] if results.is_file() else None


def _without_resume(overrides: str) -> list[str]:
    return [choice for choice in yaml.safe_load(overrides) or [] if not choice.startswith("resume=")]


def cache_folder() -> Path:
    """Where tfrec keeps what can be made again: `$TFREC_CACHE`, or `~/.cache/tfrec`."""
    return Path(os.environ.get("TFREC_CACHE") or Path.home() / ".cache" / "tfrec")


def replace_file(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(text)
    os.replace(draft, path)
