"""`python -m tfrec.run +experiment=...`: composes a configuration, runs it, and leaves a run folder behind."""

import logging
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from tfrec.errors import InputError
from tfrec.folders import conf_folder, flat_name, run_folder

log = logging.getLogger(__name__)
failures: list[str] = []
OmegaConf.register_new_resolver("flat_name", flat_name, replace=True)
OmegaConf.register_new_resolver("run_folder", run_folder, replace=True)


@hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")
def job(cfg: DictConfig) -> None:
    """One run. A failure is reported and remembered, so that it does not take the rest of a sweep with it."""
    logging.getLogger("absl").setLevel(logging.WARNING)  # a line a checkpoint that tells nobody anything
    # TensorFlow takes seconds to import: --help and --cfg answer without it.
    from tfrec.experiment import run_job

    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    choices = {group: choice for group, choice in hydra_config.runtime.choices.items() if "hydra" not in group}
    try:
        run_job(cfg, folder, list(hydra_config.overrides.task), choices)
    except InputError as error:
        failures.append(folder.name)
        print(f"error: {error}", file=sys.stderr)
    except Exception:
        failures.append(folder.name)
        log.exception("the run in %s failed", folder)


def main() -> None:
    """Runs the command line; exits with 1 if a run failed."""
    job()
    if failures:
        sys.exit(f"failed: {', '.join(failures)}")


if __name__ == "__main__":
    main()
