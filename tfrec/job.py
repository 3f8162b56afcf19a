"""One run, as Hydra's launchers call it: in the process that the user started, or in one of the launcher's own.

A launcher's process finds this module by its name and has seen nothing of `tfrec.run`, so what a job needs is here.
"""

import logging
import os
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from tfrec.errors import InputError
from tfrec.failures import Failed, started_here
from tfrec.folders import flat_name, run_folder

log = logging.getLogger(__name__)
OmegaConf.register_new_resolver("flat_name", flat_name, replace=True)
OmegaConf.register_new_resolver("run_folder", run_folder, replace=True)


def job(cfg: DictConfig) -> float | Failed | None:
    """Runs an experiment in the folder that Hydra chose; a failure is returned, so that a sweep goes on without it.

    Returns:
        What a search optimises: the mean of the run's first metric, see `run_job`.
    """
    logging.getLogger("absl").setLevel(logging.WARNING)  # a line a checkpoint that tells nobody anything
    if not started_here():
        os.environ["TTY_COMPATIBLE"] = "0"  # progress bars of several processes would overwrite one another
    # TensorFlow takes seconds to import: --help and --cfg answer without it.
    from tfrec.experiment import run_job

    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    choices = {group: choice for group, choice in hydra_config.runtime.choices.items() if "hydra" not in group}
    try:
        return run_job(cfg, folder, list(hydra_config.overrides.task), choices)
    except InputError as error:
        return Failed(folder.name, str(error))
    except Exception as error:
        log.exception("the run in %s failed", folder)
        # The last line: errors inside of a graph begin with where they were raised.
        reason = [line.strip() for line in f"{type(error).__name__}: {error}".splitlines() if line.strip()][-1]
        return Failed(folder.name, f"{reason} (the traceback is in {folder / 'run.log'})")
