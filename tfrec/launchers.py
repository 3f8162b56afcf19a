"""What to do about a choice that Hydra could not follow: a launcher or sweeper that is not installed, a part that the
chosen model does not have."""

import re
from importlib.util import find_spec

from hydra.errors import CompactHydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from tfrec.folders import conf_folder, misplaced

# By option: the package, and the extra of tfrec that brings it.
PLUGINS = {
    "hydra/launcher": {
        "joblib": ("hydra-joblib-launcher", "joblib"),
        "submitit_local": ("hydra-submitit-launcher", "submitit"),
        "submitit_slurm": ("hydra-submitit-launcher", "submitit"),
        "ray": ("hydra-ray-launcher", "ray"),
        "ray_aws": ("hydra-ray-launcher", "ray"),
    },
    "hydra/sweeper": {"optuna": ("hydra-optuna-sweeper", "optuna")},
}


def explained(error: Exception) -> str | None:
    """An error of Hydra, or of a plugin, in sentences for the user; None for one that needs a traceback."""
    if isinstance(error, MissingConfigException):
        option = error.missing_cfg_file or ""
        sentence = missing(option) or (None if error.options else unknown(option))
        if sentence:
            return f"error: {sentence}"
    group = re.search(r"Could not override '([\w/]+)'", str(error))
    if group and (sentence := misplaced(group[1])):
        return f"error: {sentence}"
    if isinstance(error, CompactHydraException | OmegaConfBaseException):
        return "\n".join(filter(None, map(str, (error, error.__cause__ or ""))))
    if isinstance(error, RuntimeError) and '"srun"' in str(error):  # submitit's words, which say not what to do
        return (
            "error: hydra/launcher=submitit_slurm needs Slurm, but there is no srun here: run it on a machine of the "
            "cluster, or choose hydra/launcher=submitit_local for processes of this machine."
        )
    return None


def missing(option: str) -> str | None:
    """What to do about an option that Hydra could not find: a sentence if a known package would bring it."""
    group, _, name = option.rpartition("/")
    options = PLUGINS.get(group, {})
    if name not in options:
        return None
    package, extra = options[name]
    there = ["basic", *(other for other, (needed, _) in options.items() if _installed(needed))]
    return (
        f"{group}={name} needs the package {package}, which is not installed: run pip install 'tfrec[{extra}]', or "
        f"choose one that is there: {', '.join(f'{group}={other}' for other in there)}."
    )


def unknown(option: str) -> str | None:
    """What to choose instead of an option of a list, such as `strategy/replai`: Hydra names none; None without any."""
    group, _, name = option.rpartition("/")
    names = sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
    return f"{group}={name} is not there: choose of {', '.join(names)}." if group and names else None


def _installed(package: str) -> bool:
    try:
        return find_spec(f"hydra_plugins.{package.replace('-', '_')}") is not None
    except ModuleNotFoundError:  # not one plugin of Hydra is there
        return False
